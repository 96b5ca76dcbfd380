// Ways of logging in, as apps in the field do it: express-session, cookie-session,
// passport with an OAuth code flow by redirect and by popup, a SAML-like callback that
// the identity provider posts, a session shared with a sibling by Domain=, csurf.
'use strict'
const express = require('express')
const session = require('express-session')
const cookieSession = require('cookie-session')
const cookieParser = require('cookie-parser')
const csurf = require('csurf')
const passport = require('passport')
const OAuth2 = require('passport-oauth2')

const form = express.urlencoded({ extended: false })
const page = (title, body) => `<!doctype html><meta charset="utf-8"><title>${title}</title>${body}`

exports.install = (app, sites) => {
  const main = session({ secret: 'one of ours', resave: false, saveUninitialized: false, cookie: { secure: 'auto' } })
  const sso = session({
    name: 'sso.sid', secret: 'shared', resave: false, saveUninitialized: false,
    cookie: { secure: 'auto', domain: 'app.localhost' },
  })

  // Each login has a path of its own, so that no middleware sees another's cookies.
  app.use(['/me', '/login', '/logout', '/saml'], main)
  const user = (req) => req.session?.passport?.user ?? req.session?.user ?? null

  app.get('/', (req, res) => res.send(page('App', `
    <form id="login" method="post" action="/login"><input name="user" value="ada"><button>Log in</button></form>
    <form id="away" method="post" action="/login/away"><button>Log in with the provider</button></form>`)))
  app.get('/me', (req, res) => res.json({ user: user(req), names: (req.headers.cookie ?? '').split(/; */).map((c) => c.split('=')[0]).filter(Boolean) }))
  app.post('/login', form, (req, res, next) => req.session.regenerate((err) => {
    if (err) return next(err)
    req.session.user = req.body.user
    res.redirect('/me')
  }))
  app.post('/logout', (req, res, next) => req.session.destroy((err) => (err ? next(err) : res.json({ user: null }))))

  const provider = new passport.Passport()
  provider.use(new OAuth2({
    authorizationURL: sites.idp + '/authorize', tokenURL: sites.tokens + '/token',
    clientID: 'app', clientSecret: 'hush', callbackURL: '/login/oauth/callback', state: true,
  }, (access, refresh, profile, done) => done(null, { name: 'grace', access })))
  provider.serializeUser((u, done) => done(null, u.name))
  provider.deserializeUser((name, done) => done(null, { name }))
  app.use('/login', provider.initialize())
  app.get('/login/oauth', (req, res, next) => {
    req.session.popup = 'popup' in req.query
    next()
  }, provider.authenticate('oauth2'))
  // A form whose POST ends at the provider: a form-action policy would stop it.
  app.post('/login/away', provider.authenticate('oauth2'))
  app.get('/login/oauth/callback', (req, res, next) => {
    res.locals.popup = req.session.popup
    next()
  }, provider.authenticate('oauth2', { failWithError: true }), (req, res) => {
    if (!res.locals.popup) return res.redirect('/me')
    res.send(page('Done', `<script>opener.postMessage({ user: ${JSON.stringify(req.user.name)} }, location.origin); close()</script>`))
  })
  app.get('/popup', (req, res) => res.send(page('Popup', `<script>
    window.answer = new Promise((resolve) => addEventListener('message', (e) => resolve(e.data.user)))
    window.begin = () => { window.popup = open('/login/oauth?popup', 'login', 'width=400,height=400') }
    </script><button onclick="begin()">Log in</button>`)))

  // A SAML-like flow: the answer comes as a form posted from the provider's site. The
  // cookie says SameSite=None, as it must for that in today's browsers.
  app.get('/saml/start', (req, res) => {
    res.cookie('saml_state', 'relay-4711', { httpOnly: true, secure: true, sameSite: 'old' in req.query ? undefined : 'none' })
    const acs = `${req.protocol}://${req.get('host')}/saml/acs`
    res.redirect(`${sites.idp}/saml?acs=${encodeURIComponent(acs)}&relay=relay-4711`)
  })
  app.post('/saml/acs', form, cookieParser(), (req, res, next) => {
    const told = Buffer.from(req.body.SAMLResponse ?? '', 'base64').toString()
    if (req.cookies.saml_state !== req.body.RelayState || !told.startsWith('<Response>')) return res.status(400).json({ error: 'state', cookies: req.cookies })
    req.session.regenerate((err) => {
      if (err) return next(err)
      req.session.user = /<NameID>(\w+)</.exec(told)[1]
      res.redirect('/me')
    })
  })

  app.use('/sso', sso)
  app.post('/sso/login', form, (req, res) => {
    req.session.user = req.body.user
    res.json({ user: req.session.user })
  })

  app.use('/mini', cookieSession({ name: 'mini', keys: ['key of ours'], sameSite: 'lax' }))
  app.post('/mini/login', form, (req, res) => {
    req.session.user = req.body.user
    res.json({ user: req.session.user })
  })
  app.get('/mini/me', (req, res) => res.json({ user: req.session.user ?? null }))
  app.get('/mini', (req, res) => res.send(page('Mini', '')))

  // Double submit as csurf's users do for single-page apps: the token is also put into
  // a cookie that the page's script reads and sends back in a header.
  app.use('/csurf', cookieParser(), csurf({ cookie: true }))
  app.get('/csurf', (req, res) => {
    res.cookie('XSRF-TOKEN', req.csrfToken())
    res.send(page('Form', ''))
  })
  app.post('/csurf', express.json(), (req, res) => res.json({ saved: req.body.note }))

  return { session: main, sso }
}
