// Drives one headless Chromium through the rows of the compatibility suite. It reads
// one JSON object a line from stdin,
//
//	{"row": "oauth-redirect", "base": "https://app.localhost:8443", "foreign": 4000, "keep": "a name"}
//
// with an "id" of the caller's, and answers one a line on stdout, in the order in which
// rows end: {"id", "row", "ok", "detail", "ms"}. A few rows run side by side. Each gets a
// browser context without cookies or storage, unless "keep" names one that lives on. It
// ends with its stdin. CHROMIUM is the browser's path, PROFILE an empty folder for it.
//
// Certificates are not verified here: what is on trial is what the browser does with
// the answers. Certificates have tests of their own.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import readline from 'node:readline'
import * as forge from './rows-forge.mjs'
import * as login from './rows-login.mjs'
import * as wire from './rows-wire.mjs'

const require = createRequire(import.meta.url) // finds packages by NODE_PATH too
const puppeteer = require('puppeteer-core')

const rows = new Map()
for (const [name, run] of Object.entries({ ...login, ...wire, ...forge })) {
  rows.set(name.replace(/[A-Z]|[0-9]+/g, (c) => '-' + c.toLowerCase()), run)
}

// Distributions differ in whether third-party cookies are let through by default; a
// partner's page can only be tried where they are.
const folder = path.join(process.env.PROFILE, 'Default')
fs.mkdirSync(folder, { recursive: true })
fs.writeFileSync(path.join(folder, 'Preferences'), JSON.stringify({ profile: { cookie_controls_mode: 0, block_third_party_cookies: false } }))

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  headless: true,
  acceptInsecureCerts: true,
  userDataDir: process.env.PROFILE,
  protocolTimeout: 20_000,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--ignore-certificate-errors',
    '--host-resolver-rules=MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.localhost'],
})
const kept = new Map()
const idle = []

// A context and its first page cost half a second, so rows hand them on, emptied.
async function borrow() {
  const used = idle.pop()
  if (used) return used
  const context = await browser.createBrowserContext()
  return { context, page: await context.newPage() }
}

async function giveBack({ context, page }, base) {
  for (const other of await context.pages()) if (other !== page) await other.close()
  await page.goto('about:blank')
  await context.deleteCookie(...await context.cookies())
  const session = await page.createCDPSession()
  await session.send('Storage.clearDataForOrigin', { origin: base, storageTypes: 'all' })
  await session.detach()
  idle.push({ context, page })
}

async function run({ row, base, foreign, keep, want }) {
  const code = rows.get(row)
  if (!code) throw new Error(`there is no row ${row}`)
  if (code.browserless) return code({ base })
  const mine = kept.get(keep) ?? await borrow()
  if (keep) kept.set(keep, mine)
  mine.page.setDefaultTimeout(20000)
  const told = await code({
    ...mine, base, want,
    partner: `http://partner.localhost:${foreign}`, idp: `http://idp.localhost:${foreign}`,
  })
  // A row that failed leaves who knows what: its context is not used again.
  if (!keep) await giveBack(mine, base)
  return told
}

console.log(JSON.stringify({ rows: [...rows.keys()], browser: await browser.version() }))

async function carryOut(order) {
  const start = performance.now()
  const answer = { id: order.id, row: order.row, ok: true }
  try {
    answer.detail = await run(order)
  } catch (err) {
    answer.ok = false
    answer.detail = String(err?.message ?? err)
  }
  answer.ms = Math.round(performance.now() - start)
  console.log(JSON.stringify(answer))
}

const atOnce = 3
const running = new Set()
for await (const line of readline.createInterface({ input: process.stdin })) {
  const one = carryOut(JSON.parse(line)).finally(() => running.delete(one))
  running.add(one)
  if (running.size >= atOnce) await Promise.race(running)
}
await Promise.all(running)
await browser.close()
