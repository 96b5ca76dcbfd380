// Rows about being somebody: sessions, OAuth, SAML, shared and double-submit cookies.
import { equal, fetchIn, shown, submit } from './expect.mjs'

export async function login({ page, base }) {
  await page.goto(base + '/')
  await submit(page, '#login')
  equal((await shown(page)).user, 'ada', 'user after the login')
  await page.goto(base + '/')
  await page.goto(base + '/me')
  equal((await shown(page)).user, 'ada', 'user on a later page')
}

/** Is this browser still somebody? want.user and want.names say what must hold. */
export async function still({ page, base, want }) {
  await page.goto(base + '/me')
  const me = await shown(page)
  equal(me.user, want.user, 'user')
  if (want.names) equal(me.names, want.names, 'names of the cookies that the app gets')
  return me
}

/** The names that the browser keeps for the site; the test judges them. */
export async function jar({ page, base }) {
  await page.goto(base + '/')
  return (await page.cookies()).map((c) => c.name)
}

export async function logout({ page, base }) {
  await page.goto(base + '/')
  await submit(page, '#login')
  equal((await fetchIn(page, '/logout', { method: 'POST' })).status, 200, 'status of the logout')
  await page.goto(base + '/me')
  equal((await shown(page)).user, null, 'user after the logout')
}

/** What the browser keeps of the session cookie; the test judges it. */
export async function sessionCookie({ page, base }) {
  await page.goto(base + '/')
  await submit(page, '#login')
  const cookies = await page.cookies()
  const readable = await page.evaluate(() => document.cookie)
  return {
    readable,
    cookies: cookies.map((c) => ({
      name: c.name, secure: c.secure, httpOnly: c.httpOnly, sameSite: c.sameSite ?? '', path: c.path, domain: c.domain,
    })),
  }
}

async function agree(page, idp) {
  await page.waitForSelector('#agree')
  if (!page.url().startsWith(idp)) throw new Error(`at ${page.url()}, want the provider`)
  await page.click('#agree')
}

export async function oauthRedirect({ page, base, idp }) {
  await page.goto(base + '/login/oauth')
  await Promise.all([page.waitForNavigation(), agree(page, idp)])
  equal((await shown(page)).user, 'grace', 'user after the code flow')
}

export async function oauthForm({ page, base, idp }) {
  await page.goto(base + '/')
  await submit(page, '#away')
  await Promise.all([page.waitForNavigation(), agree(page, idp)])
  equal((await shown(page)).user, 'grace', 'user after a form that leads to the provider')
}

export async function oauthPopup({ page, base, idp }) {
  await page.goto(base + '/popup')
  const opened = new Promise((resolve) => page.once('popup', resolve))
  await page.click('button')
  const popup = await opened
  await agree(popup, idp)
  const user = await page.evaluate(() => Promise.race([window.answer,
    new Promise((resolve, reject) => setTimeout(() => reject(new Error('the popup said nothing to its opener')), 5000))]))
  equal(user, 'grace', 'user told by the popup')
  await page.goto(base + '/me')
  equal((await shown(page)).user, 'grace', 'user in the opener')
}

export async function samlFormPost({ page, base }, start = '/saml/start') {
  await page.goto(base + start)
  await page.waitForFunction(() => location.hostname === 'app.localhost' && document.readyState === 'complete')
  equal((await shown(page)).user, 'edsger', 'user after the posted answer')
}

/** An older app says nothing of SameSite, and lives on Chromium's two minutes of grace. */
export const samlOlder = (all) => samlFormPost(all, '/saml/start?old')

export async function domainCookie({ page, base }) {
  await page.goto(base + '/')
  const form = { method: 'POST', body: new URLSearchParams({ user: 'barbara' }).toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' } }
  equal((await fetchIn(page, '/sso/login', form)).json, { user: 'barbara' }, 'answer of the login')
  await page.goto(base.replace('app.localhost', 'sibling.app.localhost') + '/sso/me')
  equal((await shown(page)).user, 'barbara', 'user at the sibling')
}

export async function cookieSession({ page, base }) {
  await page.goto(base + '/mini')
  const form = { method: 'POST', body: 'user=donald', headers: { 'content-type': 'application/x-www-form-urlencoded' } }
  equal((await fetchIn(page, '/mini/login', form)).json, { user: 'donald' }, 'answer of the login')
  await page.goto(base + '/mini/me')
  equal((await shown(page)).user, 'donald', 'user on a later page')
}

export async function csurf({ page, base }) {
  await page.goto(base + '/csurf')
  const send = (token) => fetchIn(page, '/csurf', {
    method: 'POST', body: JSON.stringify({ note: 'kept' }), headers: { 'content-type': 'application/json', 'x-xsrf-token': token },
  })
  const token = await page.evaluate(() => /(?:^|; )XSRF-TOKEN=([^;]*)/.exec(document.cookie)?.[1] ?? '')
  if (!token) throw new Error('the script reads no XSRF-TOKEN')
  equal((await send(decodeURIComponent(token))).json, { saved: 'kept' }, 'answer to the token')
  equal((await send('wrong')).status, 403, 'status without the token')
}
