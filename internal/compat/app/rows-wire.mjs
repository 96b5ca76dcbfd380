// Rows about what goes over the wire: CORS, webhooks, uploads, sockets, workers, frames,
// scripts, and answers with a body of their own.
import { createHmac } from 'node:crypto'
import { equal, fetchIn, plain, submit } from './expect.mjs'

const json = { 'content-type': 'application/json' }

export async function partnerCors({ page, base, partner }) {
  await page.goto(partner + '/spa')
  const ours = { credentials: 'include', headers: json }
  const entered = await fetchIn(page, base + '/partner/login', { ...ours, method: 'POST', body: '{"user":"ken"}' })
  equal(entered.json, { user: 'ken' }, 'answer of the login')
  const me = await fetchIn(page, base + '/partner/me', { credentials: 'include' })
  equal([me.json, me.headers['x-total']], [{ user: 'ken' }, '7'], 'who I am, and the exposed header')
  const put = await fetchIn(page, base + '/partner/me', { ...ours, method: 'PUT', body: '{"a":1}' })
  equal(put.json, { a: 1 }, 'answer to a PUT with a preflight')
  // Without the app's consent the browser must still refuse.
  const refused = await fetchIn(page, base + '/me', { credentials: 'include' })
  if (!refused.error) throw new Error('a page without CORS can be read from the partner')
}

export async function webhook({ base }) {
  const body = 'amount=1200&currency=EUR'
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'x-signature': createHmac('sha256', 'payment').update(body).digest('hex') }
  const r = await plain(base, '/webhook', { method: 'POST', body, headers })
  equal([r.status, r.json], [200, { paid: '1200' }], 'answer to the webhook')
}

export async function mobile({ base }) {
  const r = await plain(base, '/mobile/login', { method: 'POST', body: '{"user":"ada"}', headers: json })
  equal(r.json, { token: 't-ada' }, 'answer of the login')
  const headers = { ...json, authorization: 'Bearer t-ada' }
  const made = await plain(base, '/mobile/orders', { method: 'POST', body: '{"n":2}', headers })
  equal([made.status, made.json], [201, { method: 'POST', order: { n: 2 } }], 'answer to an order')
  const gone = await plain(base, '/mobile/orders', { method: 'DELETE', headers: { authorization: 'Bearer t-ada' } })
  equal([gone.status, gone.json?.method], [200, 'DELETE'], 'answer to a DELETE')
  const form = await plain(base, '/login', { method: 'POST', body: 'user=ada', headers: { 'content-type': 'application/x-www-form-urlencoded' } })
  equal(form.status, 302, 'status of a form login')
  const cookie = (form.headers['set-cookie'] ?? []).map((c) => c.split(';')[0]).join('; ')
  const me = await plain(base, '/me', { headers: { cookie } })
  equal(me.json?.user, 'ada', 'user with the cookie of the login')
}

export async function upload20Mb({ page, base }) {
  await page.goto(base + '/sw')
  const got = await page.evaluate(async () => {
    const bytes = new Uint8Array(20 << 20)
    for (let i = 0; i < bytes.length; i += 4096) bytes[i] = i >> 12
    const sum = [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].map((b) => b.toString(16).padStart(2, '0')).join('')
    const r = await fetch('/upload', { method: 'POST', body: new Blob([bytes]) })
    return { sum, ...(await r.json().then((j) => ({ told: j.sum, bytes: j.bytes }))) }
  })
  equal([got.bytes, got.told], [20 << 20, got.sum], 'size and sum of the upload')
  const down = await page.evaluate(async () => (await (await fetch('/blob')).arrayBuffer()).byteLength)
  equal(down, 80 << 16, 'size of the download')
}

export async function websocket({ page, base }) {
  await page.goto(base + '/')
  await submit(page, '#login')
  await page.goto(base + '/chat')
  const got = await page.evaluate(() => new Promise((resolve) => {
    const ws = new WebSocket(location.origin.replace('http', 'ws') + '/login/chat', ['chat.v1', 'chat.v2'])
    ws.binaryType = 'arraybuffer'
    const heard = []
    ws.onopen = () => { ws.send('one'); ws.send('x'.repeat(70_000)); ws.send(new Uint8Array([1, 2, 3])) }
    ws.onmessage = (e) => {
      heard.push(typeof e.data === 'string' ? e.data.slice(0, 8) + e.data.length : [...new Uint8Array(e.data)].join())
      if (heard.length === 3) ws.close(1000)
    }
    ws.onclose = (e) => resolve({ protocol: ws.protocol, code: e.code, heard })
  }))
  equal(got, { protocol: 'chat.v2', code: 1000, heard: ['ada: one8', 'ada: xxx70005', '1,2,3'] }, 'conversation')
}

export async function serverSentEvents({ page, base }) {
  await page.goto(base + '/chat')
  const got = await page.evaluate(() => new Promise((resolve, reject) => {
    const es = new EventSource('/events')
    const heard = []
    es.onmessage = (e) => { heard.push(e.data); if (heard.length === 3) { es.close(); resolve(heard) } }
    es.onerror = () => reject(new Error('the stream broke'))
  }))
  equal(got, ['tick 1', 'tick 2', 'tick 3'], 'events')
}

export async function serviceWorker({ page, base }) {
  await page.goto(base + '/sw')
  const got = await page.evaluate(async () => {
    await navigator.serviceWorker.register('/sw.js')
    await navigator.serviceWorker.ready
    if (!navigator.serviceWorker.controller) await new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve))
    return (await fetch('/made-by-worker')).text()
  })
  equal(got, 'from the worker', 'answer made by the worker')
}

export async function jsonErrors({ page, base }) {
  await page.goto(base + '/sw')
  const r401 = await fetchIn(page, '/api/401')
  equal([r401.status, r401.json, r401.headers['www-authenticate']], [401, { error: 'token' }, 'Bearer realm="app"'], '401')
  const r404 = await fetchIn(page, '/api/404')
  equal([r404.status, r404.json], [404, { error: 'no such order', id: 17 }], '404')
  const r422 = await fetchIn(page, '/api/422', { method: 'POST', headers: json, body: '{"name":""}' })
  equal([r422.status, r422.json], [422, { errors: [{ field: 'name', problem: 'empty' }], got: { name: '' } }], '422')
  const r429 = await fetchIn(page, '/api/429')
  equal([r429.status, r429.json, r429.headers['retry-after']], [429, { error: 'slow down' }, '9'], '429')
  const r500 = await fetchIn(page, '/api/500')
  equal([r500.status, r500.json], [500, { error: 'try later', code: 'E17' }], '500')
  await page.goto(base + '/own404')
  equal(await page.$eval('#own', (e) => e.textContent), 'We lost this page, sorry', "the app's own page")
}

export async function inlineAndCdn({ page, base }) {
  await page.goto(base + '/inline')
  await page.click('#box')
  const got = await page.evaluate(async () => ({
    inline: window.inline, cdn: window.fromCDN, clicked: window.clicked, worker: await window.worked,
    colour: getComputedStyle(document.getElementById('box')).color, margin: document.getElementById('box').style.marginLeft,
    pixel: document.getElementById('pixel').naturalWidth,
  }))
  equal(got, { inline: 42, cdn: true, clicked: true, worker: 42, colour: 'rgb(1, 2, 3)', margin: '7px', pixel: 3 }, 'what the page could do')
}

async function framed(page) {
  const frame = await (await page.waitForSelector('#inner')).contentFrame()
  return frame.evaluate(() => document.getElementById('widget')?.textContent ?? null).catch(() => null)
}

export async function iframeOwn({ page, base }) {
  await page.goto(base + '/frame')
  equal(await framed(page), 'widget', 'text in a frame of the same site')
}

/** An app that names its own frame-ancestors keeps them. */
export async function iframePartner({ page, base, partner }) {
  await page.goto(`${partner}/embed?src=${encodeURIComponent(base + '/embeddable')}`)
  equal(await framed(page), 'for partners', 'text in the frame at the partner')
}

/** A foreign site frames a page that said nothing about it; want.text is what it sees. */
export async function iframeForeign({ page, base, partner, want }) {
  await page.goto(`${partner}/embed?src=${encodeURIComponent(base + '/widget')}`)
  equal(await framed(page), want.text, 'text in the frame at a foreign site')
}

export async function compressed({ page, base }) {
  await page.goto(base + '/sw')
  const r = await fetchIn(page, '/zipped')
  equal([r.status, ['br', 'gzip'].includes(r.headers['content-encoding']), r.text.slice(0, 8)], [200, true, 'zip zip '], 'compressed answer')
}

/** The headers of the first page as the browser got them; the test judges them. */
export async function headers({ page, base }) {
  return (await page.goto(base + '/')).headers()
}

for (const row of [webhook, mobile]) row.browserless = true
