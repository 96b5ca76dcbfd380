package redisstore

import "strings"

// decideScript decides on KEYS, which have one slot, and returns the server's time as a
// double, and for each key a byte of flags (see answer) and the state after the op as
// limit.State packs it. ARGV is limit.Rule.Packed and limit.Op.Packed for each key.
//
// It follows package limit (state.go: advance, count, open, add, drain, strike, blockFor,
// step, consume; memory.go: one, all) step by step, so that both agree to the last bit:
// TestLimitsAgree plays both. All is in one loop, since Lua would make each function anew
// for each call, and what a refusal leaves unchanged is not written, since that would go to
// every replica.
var decideScript = newScript(decideText)

// clockAt is where the script reads the server's clock; tests put their own there.
const clockAt = `local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]`

// timedScript reads the clock from the last of ARGV, for tests.
var timedScript = newScript(strings.Replace(decideText, clockAt, `local now = tonumber(ARGV[#ARGV])`, 1))

const decideText = clockAt + `
local pack, unpack, floor, ceil, call = struct.pack, struct.unpack, math.floor, math.ceil, redis.call
local NEVER, SLACK = 9007199254740992, 1e-6
local SLIDING, FIXED = 0, 2
local CONSUME, ADD, PEEK, ASSIGN, BLOCK = 0, 1, 2, 3, 4

local function write(key, state, till, same)
  if till <= now then
    call('DEL', key)
  elseif same then
    call('SET', key, state, 'KEEPTTL')
  elseif till >= NEVER then
    call('SET', key, state)
  else
    call('SET', key, state, 'PXAT', string.format('%d', ceil(till / 1000)))
  end
end

local alone = #KEYS == 1
local all, reply, later = true, nil, nil

for i = 1, #KEYS do
  local key, policy = KEYS[i], ARGV[2 * i - 1]
  local algorithm, blocks, number, capacity, span, rate, remember, blockAt = unpack('<BBI2ddddd', policy)
  local verb, points, ttl = unpack('<Bdd', ARGV[2 * i])
  local level, at, till, prev, rule, strikes, flags = 0, 0, 0, 0, 0, 0, 0
  local stored = call('GET', key)
  if stored then
    if #stored ~= 32 then return redis.error_reply('ERR a key of limits holds what is no state') end
    level, at, till, prev, rule, strikes, flags = unpack('<dddI4I2BB', stored)
  end
  local blocked, byHand, before = flags % 2 == 1, flags > 1, till

  -- advance
  if till <= now then
    level, at, till, prev, rule, strikes, blocked, byHand = 0, 0, 0, 0, 0, 0, false, false
  elseif blocked then
    if at <= now then level, at, prev, blocked, byHand = 0, 0, 0, false, false end
  elseif algorithm == FIXED then
    if at <= now then level, at = 0, 0 end
  elseif algorithm == SLIDING then
    local elapsed = now - at
    if at == 0 or elapsed >= 2 * span then
      level, prev, at = 0, 0, 0
    elseif elapsed >= span then
      if level < 4294967295 then prev = floor(level) else prev = 4294967295 end
      level = 0
      if prev == 0 then at = 0 else at = at + span end
    end
  else
    local elapsed = now - at
    if elapsed > 0 then
      level = level - elapsed * rate
      if level < 0 then level = 0 end
      at = now
    end
  end

  -- count
  local count = level
  if algorithm == SLIDING and prev > 0 then
    local elapsed = now - at
    if elapsed < 0 then elapsed = 0 end
    count = prev * (1 - elapsed / span) + level
  end

  -- step and consume: take says whether to add, duration whether to block
  local found, allowed, started, take, duration = till ~= 0, true, false, false, nil
  local first = algorithm == FIXED and at == 0 and (verb == CONSUME or verb == ADD and points > 0)
  if verb == CONSUME then
    if ttl ~= 0 and at == 0 and algorithm == FIXED then
      if ttl >= NEVER then at = NEVER else at = now + ttl end
    end
    local counts = alone and algorithm == FIXED
    if blocked then
      allowed = false
      if counts then level = level + points end
    else
      local after = count + points
      allowed = after <= capacity + SLACK
      take = allowed or counts
      if not allowed and blocks > 0 and not (algorithm == FIXED and (after < blockAt or after >= blockAt + points)) then
        started = true
      end
    end
  elseif verb == PEEK then
    allowed = not blocked and count + points <= capacity + SLACK
  elseif verb == ADD then
    take = points > 0 or found
  elseif verb == ASSIGN then
    level, at, till, prev, blocked, byHand = 0, 0, 0, 0, false, false
    if ttl ~= 0 and algorithm == FIXED then
      if ttl >= NEVER then at = NEVER else at = now + ttl end
    end
    take = true
  elseif verb == BLOCK then
    if algorithm == FIXED then level = capacity + 1 end
    byHand, duration = true, ttl
  end

  -- add
  if take then
    rule = number
    level = level + points
    if level < 0 then
      local more = floor(-level)
      if more > prev then more = prev end
      prev, level = prev - more, 0
    end
    if not blocked then
      local ends
      if algorithm == FIXED then
        if at == 0 then
          if span >= NEVER then at = NEVER else at = now + span end
        end
        ends = at
      elseif algorithm == SLIDING then
        if at == 0 then at = now end
        if 2 * span >= NEVER then ends = NEVER else ends = at + 2 * span end
      else
        at = now
        ends = NEVER
        if rate > 0 then
          local drain = ceil(level / rate)
          if drain > NEVER / 2 then drain = NEVER / 2 end
          ends = now + drain
        end
      end
      if strikes == 0 or ends > till then till = ends end
    end
  end

  -- strike and blockFor
  if started then
    local step = strikes
    if step > blocks - 1 then step = blocks - 1 end
    duration = unpack('<d', policy, 45 + 8 * step)
    if strikes < 255 then strikes = strikes + 1 end
    byHand = false
  end
  if duration then
    rule, prev, blocked = number, 0, true
    if duration >= NEVER then at = NEVER else at = now + duration end
    till = at
    if strikes > 0 and remember > 0 then
      if remember >= NEVER or at + remember > NEVER then till = NEVER else till = at + remember end
    end
  end

  flags = 0
  if blocked then flags = 1 end
  if byHand then flags = flags + 2 end
  local bits = 0
  if allowed then bits = 1 else all = false end
  if found then bits = bits + 2 end
  if first then bits = bits + 4 end
  if started then bits = bits + 8 end

  -- one and all: write what is to be kept
  local answer = pack('<dBdddI4I2BB', now, bits, level, at, till, prev, rule, strikes, flags)
  local changes = verb ~= PEEK and (stored or till > now)
  if alone then
    reply = answer
    if changes and (verb ~= CONSUME or allowed or started or algorithm == FIXED) then
      write(key, answer:sub(10), till, till == before)
    end
  else
    if reply then reply = reply .. answer:sub(9) else reply = answer end
    if changes then
      later = later or {}
      later[#later + 1] = {key, answer:sub(10), till, till == before, verb ~= CONSUME or started}
    end
  end
end

if later then
  for _, w in ipairs(later) do
    if all or w[5] then write(w[1], w[2], w[3], w[4]) end
  end
end
return reply`
