// What other sites make a visitor's browser send, and what a site and its partners send
// that looks like it. A row only sends; what became of it, the app and the door are asked.
// want.how names which, want.from is the origin whose page sends it, and want.mark is in
// each address.
import { equal, fetchIn, plain, shown, submit } from './expect.mjs'

const urlencoded = 'application/x-www-form-urlencoded'
const amount = { amount: '4711' }
// A form whose text is JSON: the "=" between name and value is within a string.
const jsonByForm = { '{"amount": 4711, "pad": "': '"}' }

/** Sends a form by a script of the page and waits for the answer: in a frame, or in place of the page. */
async function send (page, { top, ...form }) {
  const sent = page.evaluate((form, top) => new Promise((resolve) => {
    const f = document.createElement('form')
    Object.assign(f, { method: 'post', ...form })
    for (const [name, value] of Object.entries(form.fields)) f.append(Object.assign(document.createElement('input'), { name, value }))
    document.body.append(f)
    if (!top) {
      const frame = Object.assign(document.createElement('iframe'), { name: f.target = 'answer' })
      document.body.append(frame)
      frame.onload = resolve
    }
    f.submit()
    if (top) resolve()
  }), form, top)
  await Promise.all(top ? [page.waitForNavigation(), sent] : [sent])
}

/** fetch of a page that may not read the answer; the body is text, or without a type. */
const opaque = (page, address, body, type) => page.evaluate(async (address, body, type) => {
  await fetch(address, {
    method: 'POST', mode: 'no-cors', credentials: 'include', body: type === undefined ? new Blob([body]) : body, headers: type ? { 'content-type': type } : {},
  })
}, address, body, type)

const load = (page, src) => page.evaluate((src) => new Promise((resolve) => {
  const image = new Image()
  image.onload = image.onerror = resolve
  image.src = src
}), src)

/** Opens a WebSocket and tells what it heard; null where it did not open. */
const talk = (page, address) => page.evaluate((address) => new Promise((resolve) => {
  const ws = new WebSocket(address)
  let heard = null
  ws.onopen = () => ws.send('hello')
  ws.onmessage = (e) => { heard = e.data; ws.close() }
  ws.onclose = () => resolve(heard)
}), address.replace('http', 'ws'))

/** fetch that a browser asks the app about before, in vain. */
async function asked (page, address, options) {
  const got = await fetchIn(page, address, { credentials: 'include', ...options })
  if (!got.error) throw new Error(`the page reads ${JSON.stringify(got)}, want the browser to stop it`)
}

const byClick = async (page, prepare, argument) => {
  const opened = new Promise((resolve) => page.once('popup', resolve))
  await page.evaluate(prepare, argument)
  await page.click('#go')
  return opened
}

const attacks = {
  form: ({ page, pay }) => send(page, { action: pay, fields: amount, top: true }),
  'form-framed': ({ page, pay }) => send(page, { action: pay, fields: amount }),
  multipart: ({ page, pay }) => send(page, { action: pay, fields: amount, enctype: 'multipart/form-data' }),
  'text-plain': ({ page, pay }) => send(page, { action: pay, fields: jsonByForm, enctype: 'text/plain' }),
  'no-referrer': async ({ page, pay }) => {
    await page.evaluate(() => document.head.append(Object.assign(document.createElement('meta'), { name: 'referrer', content: 'no-referrer' })))
    await send(page, { action: pay, fields: amount, top: true })
  },
  sandbox: ({ page, pay }) => page.evaluate((pay) => new Promise((resolve) => {
    const frame = Object.assign(document.createElement('iframe'), { sandbox: 'allow-forms allow-scripts' })
    let loads = 0
    frame.onload = () => { if (++loads === 2) resolve() }
    frame.srcdoc = `<form method="post" action="${pay}"><input name="amount" value="4711"></form><script>onload = () => document.forms[0].submit()</script>`
    document.body.append(frame)
  }), pay),
  popup: async ({ page, pay }) => {
    const popup = await byClick(page, (pay) => {
      document.body.innerHTML = `<form method="post" action="${pay}" target="other"><input name="amount" value="4711"></form><button id="go">Win</button>`
      document.getElementById('go').onclick = () => { open('about:blank', 'other'); document.forms[0].submit() }
    }, pay)
    await popup.waitForFunction(() => location.hostname === 'app.localhost' && document.readyState === 'complete')
    await popup.close()
  },
  redirect: ({ page, pay, from }) => send(page, { action: `${from}/bounce?to=${encodeURIComponent(pay)}`, fields: amount, top: true }),
  // The person loads again what was refused.
  reload: async ({ page, pay }) => {
    await send(page, { action: pay, fields: amount, top: true })
    await page.reload()
  },
  // The site's own page posts to the other one, which sends it back.
  'redirect-back': async ({ page, base, pay, from }) => {
    await page.goto(base + '/page')
    await send(page, { action: `${from}/bounce?to=${encodeURIComponent(pay)}`, fields: amount, top: true })
  },
  'fetch-form': ({ page, pay }) => opaque(page, pay, 'amount=4711', urlencoded),
  'fetch-text': ({ page, pay }) => opaque(page, pay, '{"amount": 4711}', 'application/json'), // becomes text/plain
  'fetch-blob': ({ page, pay }) => opaque(page, pay, '{"amount": 4711}'),
  beacon: ({ page, pay }) => page.evaluate((pay) => navigator.sendBeacon(pay, '{"amount": 4711}'), pay),
  ping: ({ page, pay }) => page.evaluate((ping) => {
    document.body.append(Object.assign(document.createElement('a'), { href: '#here', ping, id: 'go' }))
    document.getElementById('go').click()
  }, pay),
  'image-override': ({ page, item }) => load(page, item + '?_method=DELETE'),
  'form-override': ({ page, item }) => send(page, { action: item, method: 'get', fields: { _method: 'DELETE' }, top: true }),
  'link-override': ({ page, item }) => Promise.all([page.waitForNavigation(), page.evaluate((to) => { location = to }, item + '?_method=delete')]),
  'refresh-override': ({ page, item }) => Promise.all([page.waitForNavigation(), page.evaluate((to) => {
    document.head.append(Object.assign(document.createElement('meta'), { httpEquiv: 'refresh', content: `0; url=${to}` }))
  }, item + '?_method=DELETE')]),
  // An address that came by mail: the browser says that nobody sent it there, and goes on saying so.
  'mail-override': ({ page, item, from }) => page.goto(`${from}/bounce?to=${encodeURIComponent(item + '?_method=DELETE')}`),
  websocket: ({ page, socket }) => talk(page, socket),
  'fetch-json': ({ page, pay }) => asked(page, pay, { method: 'POST', body: '{"amount": 4711}', headers: { 'content-type': 'application/json' } }),
  'fetch-put': ({ page, pay }) => asked(page, pay, { method: 'PUT', body: 'amount=4711', headers: { 'content-type': urlencoded } }),
  'fetch-override': ({ page, pay }) => asked(page, pay, { method: 'GET', headers: { 'x-http-method-override': 'DELETE' } }),
  'saml-shape': ({ page, base, mark }) => send(page, { action: `${base}/saml/${mark}`, fields: { SAMLResponse: 'x', ...amount } }),
  // Its visitor is nobody yet, and becomes somebody else.
  login: ({ page, base, mark }) => send(page, { action: base + '/login', fields: { user: 'eve', password: 'x', mark } }),
  // The exception: a GET that changes something and does not look like it.
  get: ({ page, base, mark }) => load(page, `${base}/delete?id=${mark}`),
}

export async function attack ({ page, base, want: { how, from, mark } }) {
  await page.goto(from + '/spa')
  await attacks[how]({ page, base, from, mark, pay: `${base}/transfer/${mark}`, item: `${base}/item/${mark}`, socket: `${base}/ws/${mark}` })
}

const ours = { credentials: 'include', method: 'POST' }
const right = {
  form: ({ page, pay }) => send(page, { action: pay, fields: amount, top: true }),
  multipart: ({ page, pay }) => send(page, { action: pay, fields: amount, enctype: 'multipart/form-data' }),
  'text-plain': ({ page, pay }) => send(page, { action: pay, fields: jsonByForm, enctype: 'text/plain' }),
  'no-referrer': async ({ page, base, pay }) => {
    await page.goto(base + '/page?referrer')
    await send(page, { action: pay, fields: amount, top: true })
  },
  'fetch-form': async ({ page, pay }) => equal((await fetchIn(page, pay, { method: 'POST', body: 'amount=4711', headers: { 'content-type': urlencoded } })).status, 200, 'status'),
  'fetch-json': async ({ page, pay }) => equal((await fetchIn(page, pay, { method: 'POST', body: '{"amount": 4711}', headers: { 'content-type': 'application/json' } })).status, 200, 'status'),
  'fetch-put': async ({ page, pay }) => equal((await fetchIn(page, pay, { method: 'PUT', body: '{"amount": 4711}', headers: { 'content-type': 'application/json' } })).status, 200, 'status'),
  upload: ({ page, pay }) => page.evaluate(async (pay) => {
    const data = new FormData()
    data.append('amount', '4711')
    data.append('file', new Blob(['x'.repeat(50_000)]), 'x.bin')
    return (await fetch(pay, { method: 'POST', body: data })).status
  }, pay),
  beacon: ({ page, pay }) => page.evaluate((pay) => navigator.sendBeacon(pay, '{"amount": 4711}'), pay),
  override: ({ page, item }) => send(page, { action: item + '?_method=DELETE', fields: amount, top: true }),
  'override-get': ({ page, item }) => load(page, item + '?_method=DELETE'),
  websocket: async ({ page, socket }) => equal(await talk(page, socket), 'ada: hello', 'answer'),
  // Asked about, and then in a way that needs no asking.
  partner: async ({ page, base, mark, partner }) => {
    await page.goto(partner + '/spa')
    const first = await fetchIn(page, `${base}/partner/${mark}`, { ...ours, body: '{"amount": 4711}', headers: { 'content-type': 'application/json' } })
    equal(first.json, { done: 'partner' }, 'answer to JSON')
    const status = await page.evaluate(async (address, ours) => {
      const data = new FormData()
      data.append('amount', '4711')
      return (await fetch(address, { ...ours, body: data })).status
    }, `${base}/partner/${mark}`, ours)
    equal(status, 200, 'status of multipart')
  },
  saml: async ({ page, base, mark, idp }) => {
    await page.goto(idp + '/spa')
    await send(page, { action: `${base}/saml/${mark}`, fields: { SAMLResponse: 'x', RelayState: 'y', ...amount }, top: true })
  },
  oauth: async ({ page, base, mark, idp }) => {
    await page.goto(idp + '/spa')
    const back = `${base}/callback/${mark}?code=c&state=s`
    await send(page, { action: `${idp}/bounce?to=${encodeURIComponent(back)}`, method: 'get', fields: { to: back }, top: true })
  },
  webhook: async ({ base, mark }) => {
    const r = await plain(base, `/hook/${mark}`, { method: 'POST', body: 'amount=4711', headers: { 'content-type': urlencoded, 'x-signature': 'ours' } })
    equal(r.json, { done: 'hook' }, 'answer')
  },
}

export async function legit ({ page, base, partner, idp, want: { how, mark } }) {
  await page.goto(base + '/page')
  await right[how]({ page, base, partner, idp, mark, pay: `${base}/transfer/${mark}`, item: `${base}/item/${mark}`, socket: `${base}/ws/${mark}` })
}

/** Logs the visitor in, by the site's own form. */
export async function enter ({ page, base }) {
  await page.goto(base + '/')
  await submit(page, '#login')
  equal(await shown(page), { user: 'ada' }, 'who is logged in')
}

/** Who this browser is to the app. */
export async function whoami ({ page, base }) {
  await page.goto(base + '/me')
  return shown(page)
}

/** The names of all that can be sent, so that a test can tell that it sends each. */
export async function forgeries () { return { attacks: Object.keys(attacks), legit: Object.keys(right) } }
forgeries.browserless = true
