// An Express 5 app without csurf: whatever brings its session cookie is carried out. What
// was carried out is told by GET /state?mark=…, by the mark that each request has in its
// address, so that a test asks the app and no status. It prints {"port": N} when it
// listens, on loopback, and ends with its stdin.
//
// SAMESITE=none has a session cookie that browsers send across sites. PARTNER is the
// origin that may read with credentials.
'use strict'
const http = require('node:http')
const path = require('node:path')
const express = require('express')
const session = require('express-session')
const cors = require('cors')
const { WebSocketServer } = require('ws')

const page = (head, body) => `<!doctype html><meta charset="utf-8">${head}<title>Bank</title><body>${body}`
const carriedOut = new Map()
function carryOut (req, what, mark = req.params.mark) {
  if (!carriedOut.has(mark)) carriedOut.set(mark, [])
  const body = typeof req.body === 'string' ? /amount"?[^0-9]*(\d+)/.exec(req.body)?.[1] : req.body?.amount
  carriedOut.get(mark).push({
    what, user: req.session?.user ?? null, amount: Number(body ?? 0), type: (req.headers['content-type'] ?? '').split(';')[0],
    site: req.headers['sec-fetch-site'] ?? '', origin: req.headers.origin ?? '',
  })
}

const app = express()
app.set('trust proxy', 'loopback')
app.get('/state', (req, res) => res.json(carriedOut.get(req.query.mark) ?? []))

// As programs between a door and an app do that resolve a path before they hand it on.
app.use((req, res, next) => {
  const [, address, query] = /^([^?]*)(.*)$/.exec(req.url)
  req.url = path.posix.normalize(decodeURIComponent(address)) + query
  next()
})
// As method-override does where it is told to honour GET.
app.use((req, res, next) => {
  const method = req.query._method ?? req.get('x-http-method-override')
  if (method) req.method = String(method).toUpperCase()
  next()
})
const cookie = process.env.SAMESITE === 'none' ? { secure: true, sameSite: 'none' } : { secure: 'auto' }
const sessions = session({ secret: 'one of ours', resave: false, saveUninitialized: false, cookie })
app.use(sessions)
// JSON is taken whatever it calls itself, as many APIs do.
app.use(express.json({ type: ['application/json', 'text/plain'] }), express.urlencoded({ extended: false }), express.text({ type: () => true }))

const member = (req, res, next) => (req.session.user ? next() : res.status(401).json({ error: 'who?' }))
const act = (what) => (req, res) => {
  carryOut(req, what)
  res.json({ done: what })
}
app.get('/', (req, res) => res.send(page('', `<form id="login" method="post" action="/login">
  <input name="user" value="ada"><input name="password" type="password" value="lovelace"><button>Log in</button></form>`)))
app.get('/page', (req, res) => res.send(page('referrer' in req.query ? '<meta name="referrer" content="no-referrer">' : '', '')))
app.get('/me', (req, res) => res.json({ user: req.session.user ?? null }))
app.post('/login', (req, res, next) => req.session.regenerate((err) => {
  if (err) return next(err)
  req.session.user = req.body.user
  if (req.body.mark) carryOut(req, 'login', req.body.mark)
  res.redirect('/me')
}))

app.options('/transfer/:mark', act('asked'))
app.get('/transfer/:mark', (req, res) => res.json({ done: null }))
app.all('/transfer/:mark', member, act('transfer'))
app.get('/item/:mark', (req, res) => res.json({ done: null }))
app.delete('/item/:mark', member, act('delete'))
// What a GET should not do; the audit tells of it, the door cannot know.
app.get('/delete', member, (req, res) => {
  carryOut(req, 'delete', req.query.id)
  res.json({ done: 'delete' })
})
app.use('/partner', cors({ origin: process.env.PARTNER, credentials: true }))
app.post('/partner/:mark', member, act('partner'))
app.post('/saml/:mark', (req, res) => (req.body?.SAMLResponse ? act('saml')(req, res) : res.sendStatus(400)))
app.get('/callback/:mark', (req, res) => (req.query.code && req.query.state ? act('callback')(req, res) : res.sendStatus(400)))
app.post('/hook/:mark', (req, res) => (req.get('x-signature') === 'ours' ? act('hook')(req, res) : res.sendStatus(400)))
app.post('/api/:mark', (req, res) => (req.get('authorization') === 'Bearer t-ada' ? act('api')(req, res) : res.sendStatus(401)))
app.use((err, req, res, next) => res.status(err.status ?? 500).json({ error: err.type ?? String(err) }))

// Another host of the same site, where visitors write the pages.
const blog = express()
blog.get('/spa', (req, res) => res.send(page('', '')))
blog.all('/bounce', (req, res) => res.redirect(307, req.query.to))

const server = http.createServer((req, res) => ((req.headers.host ?? '').startsWith('blog.') ? blog : app)(req, res))
const sockets = new WebSocketServer({ noServer: true })
server.on('upgrade', (req, socket, head) => {
  // express-session asks Express's req for these when it decides on Secure.
  sessions(Object.assign(req, { secure: true }), {}, () => {
    const mark = /^\/ws\/(\w+)$/.exec(req.url)?.[1]
    if (!mark || !req.session.user) return socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    sockets.handleUpgrade(req, socket, head, (ws) => {
      carryOut(req, 'websocket', mark)
      ws.on('message', (data) => ws.send(`${req.session.user}: ${data}`))
    })
  })
})
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.stdin.on('close', () => process.exit()).resume()
