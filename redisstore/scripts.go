package redisstore

import (
	"context"
	"crypto/sha1" // names a script, as Redis does; nothing rests on it
	"encoding/hex"
	"strconv"

	"github.com/redis/rueidis"
)

// A script runs by its hash, and is sent whole when the server does not have it: at first,
// and after a restart or a failover.
type script struct{ text, hash string }

func newScript(text string) script {
	sum := sha1.Sum([]byte(text))
	return script{text, hex.EncodeToString(sum[:])}
}

func (s script) call(c rueidis.Client, key string, args ...string) rueidis.Completed {
	return s.callAll(c, []string{key}, args)
}

// callAll is call for several keys, which have to be in one slot of a Cluster.
func (s script) callAll(c rueidis.Client, keys, args []string) rueidis.Completed {
	return c.B().Evalsha().Sha1(s.hash).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
}

// result reads what call returned, and runs the script anew where the server lacks it.
func (s script) result(ctx context.Context, c rueidis.Client, r rueidis.RedisResult, key string, args ...string) rueidis.RedisResult {
	return s.resultAll(ctx, c, r, []string{key}, args)
}

func (s script) resultAll(ctx context.Context, c rueidis.Client, r rueidis.RedisResult, keys, args []string) rueidis.RedisResult {
	if e, ok := rueidis.IsRedisErr(r.Error()); ok && e.IsNoScript() {
		return c.Do(ctx, c.B().Eval().Script(s.text).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build())
	}
	return r
}

func (s script) run(ctx context.Context, c rueidis.Client, key string, args ...string) rueidis.RedisResult {
	return s.runAll(ctx, c, []string{key}, args)
}

// runAll is run for several keys.
func (s script) runAll(ctx context.Context, c rueidis.Client, keys, args []string) rueidis.RedisResult {
	return s.resultAll(ctx, c, c.Do(ctx, s.callAll(c, keys, args)), keys, args)
}

const (
	saved    = 1
	conflict = -1
	gone     = -2
)

// saveScript sets a record over a version: ARGV is the version it is made from, as in the
// record, empty for a new one; the record; milliseconds to live. The owner of a record
// stays. The positions are those of session.Record, counted from 0 for GETRANGE and from 1
// for sub.
var saveScript = newScript(`
local version = redis.call('GETRANGE', KEYS[1], 1, 8)
if ARGV[1] == '' then
  if version ~= '' then return -1 end
elseif version == '' then
  return -2
elseif version ~= ARGV[1] then
  return -1
end
local record = ARGV[2]
if version ~= '' then
  record = record:sub(1, 18) .. redis.call('GETRANGE', KEYS[1], 18, 49) .. record:sub(51)
end
if tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[1], record, 'PX', ARGV[3])
else
  redis.call('DEL', KEYS[1])
end
return 1`)

// touchScript moves the expiry of a record and returns its owner: ARGV is the expiry, as in
// the record, and milliseconds to live.
var touchScript = newScript(`
local owner = redis.call('GETRANGE', KEYS[1], 18, 49)
if owner == '' then return '' end
if tonumber(ARGV[2]) > 0 then
  redis.call('SETRANGE', KEYS[1], 9, ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
else
  redis.call('DEL', KEYS[1])
end
return owner`)

// ownScript notes a session in the set of its owner, which lives as long as the longest:
// ARGV is the session's key, milliseconds to live, and the time in milliseconds since 1970.
var ownScript = newScript(`
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1`)

// replaceScript sets a value in the place of another: ARGV is both, and how long the new
// one lives, as in keep.
var replaceScript = newScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local ttl = tonumber(ARGV[3])
if ttl > 0 then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
elseif ttl == 0 then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('DEL', KEYS[1])
end
return 1`)

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
