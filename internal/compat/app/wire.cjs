// What apps put on the wire: uploads, WebSocket, server-sent events, service worker,
// CORS, webhooks, JSON errors, pages with inline and foreign scripts, frames.
'use strict'
const crypto = require('node:crypto')
const express = require('express')
const session = require('express-session')
const compression = require('compression')
const cors = require('cors')
const { WebSocketServer } = require('ws')

const page = (title, body) => `<!doctype html><meta charset="utf-8"><title>${title}</title>${body}`

exports.install = (app, sites) => {
  // A partner's single-page app on another site, with a cookie of ours.
  const partner = express.Router()
  partner.use(cors({ origin: sites.partner, credentials: true, exposedHeaders: ['X-Total'] }))
  partner.use(session({
    name: 'partner.sid', secret: 'for partners', resave: false, saveUninitialized: false,
    cookie: { secure: true, sameSite: 'none' },
  }))
  partner.post('/login', express.json(), (req, res) => {
    req.session.user = req.body.user
    res.json({ user: req.session.user })
  })
  partner.get('/me', (req, res) => res.set('X-Total', '7').json({ user: req.session.user ?? null }))
  partner.put('/me', express.json(), (req, res) => (req.session.user ? res.json(req.body) : res.status(401).json({ error: 'who?' })))
  app.use('/partner', partner)

  // A payment provider calls: form-encoded, no cookie, a signature over the raw body.
  app.post('/webhook', express.raw({ type: '*/*' }), (req, res) => {
    const want = crypto.createHmac('sha256', 'payment').update(req.body).digest('hex')
    if (req.get('x-signature') !== want) return res.status(400).json({ error: 'signature' })
    res.json({ paid: new URLSearchParams(req.body.toString()).get('amount') })
  })

  app.post('/upload', (req, res, next) => {
    const sum = crypto.createHash('sha256')
    let bytes = 0
    req.on('data', (part) => { sum.update(part); bytes += part.length })
    req.on('error', next)
    req.on('end', () => res.json({ bytes, sum: sum.digest('hex') }))
  })
  app.get('/blob', (req, res) => {
    const part = Buffer.alloc(1 << 16, 'x')
    let left = 80
    const more = () => {
      while (left-- > 0) if (!res.write(part)) return res.once('drain', more)
      res.end()
    }
    res.type('application/octet-stream')
    more()
  })

  app.get('/api/401', (req, res) => res.set('WWW-Authenticate', 'Bearer realm="app"').status(401).json({ error: 'token' }))
  app.get('/api/404', (req, res) => res.status(404).json({ error: 'no such order', id: 17 }))
  app.post('/api/422', express.json(), (req, res) => res.status(422).json({ errors: [{ field: 'name', problem: 'empty' }], got: req.body }))
  app.get('/api/429', (req, res) => res.set('Retry-After', '9').status(429).json({ error: 'slow down' }))
  app.get('/api/500', (req, res) => res.status(500).json({ error: 'try later', code: 'E17' }))
  app.get('/own404', (req, res) => res.status(404).send(page('Lost', '<h1 id="own">We lost this page, sorry</h1>')))

  app.post('/mobile/login', express.json(), (req, res) => res.json({ token: `t-${req.body.user}` }))
  app.all('/mobile/orders', express.json(), (req, res) => {
    if (req.get('authorization') !== 'Bearer t-ada') return res.status(401).json({ error: 'token' })
    res.status(req.method === 'POST' ? 201 : 200).json({ method: req.method, order: req.body ?? null })
  })

  app.get('/inline', (req, res) => {
    const port = req.get('host').replace(/^[^:]*/, '')
    const cdn = `${req.protocol}://cdn.localhost${port}`
    res.send(page('Inline', `<style>#box { color: rgb(1, 2, 3) }</style><p id="box" style="margin-left: 7px" onclick="window.clicked = true">box</p>
      <script src="${cdn}/lib.js"></script><img id="pixel" src="${cdn}/pixel.svg">
      <script>window.inline = eval('40 + 2')
      window.worked = new Promise((resolve) => {
        new Worker(URL.createObjectURL(new Blob(['postMessage(6 * 7)']))).onmessage = (e) => resolve(e.data)
      })</script>`))
  })

  app.get('/frame', (req, res) => res.send(page('Frame', '<iframe id="inner" src="/widget"></iframe>')))
  app.get('/widget', (req, res) => res.send(page('Widget', '<p id="widget">widget</p>')))
  app.get('/embeddable', (req, res) => {
    res.set('Content-Security-Policy', `frame-ancestors ${sites.partner}`)
    res.send(page('Embeddable', '<p id="widget">for partners</p>'))
  })

  app.get('/sw', (req, res) => res.send(page('Worker', '')))
  app.get('/sw.js', (req, res) => res.type('text/javascript').send(`
    addEventListener('install', () => skipWaiting())
    addEventListener('activate', (e) => e.waitUntil(clients.claim()))
    addEventListener('fetch', (e) => {
      if (new URL(e.request.url).pathname === '/made-by-worker') e.respondWith(new Response('from the worker'))
    })`))

  app.get('/events', (req, res) => {
    res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' }).flushHeaders()
    let n = 0
    const timer = setInterval(() => res.write(`id: ${++n}\ndata: tick ${n}\n\n`), 50)
    req.on('close', () => clearInterval(timer))
  })
  app.get('/zipped', compression({ threshold: 0 }), (req, res) => res.type('text/plain').send('zip '.repeat(5000)))
  app.get('/chat', (req, res) => res.send(page('Chat', '')))
}

exports.upgrade = (server, mainSession) => {
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has('chat.v2') ? 'chat.v2' : false),
  })
  server.on('upgrade', (req, socket, head) => {
    if (req.url !== '/login/chat') return socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    // express-session asks Express's req for these when it decides on Secure.
    mainSession(Object.assign(req, { secure: true }), {}, () => sockets.handleUpgrade(req, socket, head, (ws) => {
      ws.on('message', (data, binary) => ws.send(binary ? data : `${req.session.user}: ${data}`, { binary }))
    }))
  })
}
