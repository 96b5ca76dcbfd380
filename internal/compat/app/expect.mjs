// What the rows say when something is not as it should be, and a client that is no
// browser.
import https from 'node:https'
import { isDeepStrictEqual } from 'node:util'

export function equal(got, want, what) {
  if (!isDeepStrictEqual(got, want)) throw new Error(`${what} = ${JSON.stringify(got)}, want ${JSON.stringify(want)}`)
}

/** Submits the form and waits for the page that it leads to. */
export async function submit(page, selector, action = (form) => form.requestSubmit()) {
  await Promise.all([page.waitForNavigation(), page.$eval(selector, action)])
}

/** The page's text as JSON, wherever its navigation ended. */
export async function shown(page) {
  const text = await page.evaluate(() => document.body.innerText)
  try {
    return JSON.parse(text)
  } catch {
    throw new Error(`${page.url()} shows ${JSON.stringify(text.slice(0, 300))}, want JSON`)
  }
}

/** fetch in the page, with what a script can see of the answer. */
export function fetchIn(page, address, options = {}) {
  return page.evaluate(async (address, options) => {
    try {
      const r = await fetch(address, options)
      const text = await r.text()
      let json = null
      try { json = JSON.parse(text) } catch { /* no JSON, then */ }
      return { status: r.status, json, text: text.slice(0, 200), headers: Object.fromEntries(r.headers) }
    } catch (err) {
      return { error: String(err) }
    }
  }, address, options)
}

/** A client without cookies, Origin and Sec-Fetch headers. */
export function plain(base, path, { method = 'GET', headers = {}, body } = {}) {
  const { hostname, port, host } = new URL(base)
  return new Promise((resolve, reject) => {
    const req = https.request({
      host: '127.0.0.1', port, servername: hostname, path, method, headers: { host, ...headers },
      rejectUnauthorized: false, timeout: 8000,
    }, (res) => {
      let text = ''
      res.setEncoding('utf8').on('data', (d) => { text += d }).on('end', () => {
        let json = null
        try { json = JSON.parse(text) } catch { /* no JSON, then */ }
        resolve({ status: res.statusCode, headers: res.headers, text, json })
      })
    })
    req.on('timeout', () => req.destroy(new Error('no answer in time'))).on('error', reject)
    req.end(body)
  })
}
