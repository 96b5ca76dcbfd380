// An Express 5 app in development that answers in every way that could give it away.
// Each answer carries the banner and a default session cookie. It prints {"port": N} and
// ends with its stdin.
'use strict'
const path = require('node:path')
const zlib = require('node:zlib')
const express = require('express')
const session = require('express-session')
const { WebSocketServer } = require('ws')

const app = express()
app.use(session({ secret: 'keyboard cat', resave: false, saveUninitialized: true }))
app.use((req, res, next) => {
  res.set('Server', 'Apache/2.4.1 (Unix)')
  next()
})
app.use('/static', express.static(path.join(__dirname), { fallthrough: false }))
app.use('/soft', express.static(path.join(__dirname), { redirect: true }))
app.use('/parsed', express.json({ limit: '1kb' }), express.urlencoded({ extended: false, limit: '1kb' }))

const boom = () => { throw new Error('boom in ' + __filename) }
const stack = () => { try { boom() } catch (err) { return err.stack } }

app.get('/boom', boom)
app.get('/reject', async () => boom())
app.get('/next', (req, res, next) => next(Object.assign(new Error('teapot'), { status: 418, headers: { 'X-Runtime': 'ruby' } })))
app.get('/json-boom', (req, res) => res.status(500).json({ error: 'failed', stack: stack() }))
app.get('/json-deep', (req, res) => res.status(502).json({ error: { message: 'failed', stack: stack() } }))
app.get('/text-boom', (req, res) => res.status(500).type('text').send(stack()))
app.get('/gzip-boom', (req, res) => res.status(500).set('Content-Encoding', 'gzip').type('html').send(zlib.gzipSync(`<pre>${stack()}</pre>`)))
app.get('/late-boom', (req, res) => { res.write('begun'); setImmediate(() => res.destroy(new Error('late'))) })
app.get('/status/:code', (req, res) => res.sendStatus(Number(req.params.code)))
app.get('/empty/:code', (req, res) => res.status(Number(req.params.code)).end())
app.get('/redirect', (req, res) => res.redirect('/elsewhere'))
app.get('/redirect-back', (req, res) => res.redirect(303, 'https://other.example/'))
app.get('/page', (req, res) => res.send('<h1>hello</h1>'))
app.get('/plain', (req, res) => res.type('text').send('hello'))
app.get('/api', (req, res) => res.json({ hello: true }))
app.post('/parsed/echo', (req, res) => res.json(req.body))
app.get('/early', (req, res) => {
  res.writeEarlyHints({ link: '</app.css>; rel=preload; as=style', 'x-powered-by': 'Express', server: 'hints' }, () => res.send('after hints'))
})
app.get('/early-error', (req, res, next) => {
  res.writeEarlyHints({ link: '</app.css>; rel=preload; as=style', 'x-powered-by': 'Express' }, () => next(new Error('after hints')))
})
app.get('/trailers', (req, res) => {
  res.set('Trailer', 'X-Checksum, Server, X-Powered-By')
  res.write('body')
  res.addTrailers({ 'X-Checksum': '17', Server: 'trailing', 'X-Powered-By': 'Express' })
  res.end()
})
app.get('/banners', (req, res) => {
  for (const name of ['X-AspNet-Version', 'X-AspNetMvc-Version', 'X-Generator', 'X-Runtime', 'X-Version', 'Via-App']) res.set(name, '1.2.3')
  res.send('ok')
})
app.get('/cookies', (req, res) => {
  res.cookie('a', '1')
  res.append('Set-Cookie', 'b=2; Path=/')
  res.send('cookies')
})
app.get('/own-server', (req, res) => res.set('Server', ['nginx', 'Phusion Passenger']).send('two'))
app.get('/range', (req, res) => res.sendFile(path.join(__dirname, 'package.json')))
app.get('/stream', (req, res) => { res.type('text/event-stream'); res.write('data: 1\n\n'); setTimeout(() => res.end(), 20) })
app.get('/kill', (req) => req.socket.destroy())
app.get('/kill-late', (req, res) => { res.set('Content-Length', '1000000'); res.write('x'.repeat(1e5)); setTimeout(() => req.socket.destroy(), 50) })
app.get('/garbage', (req) => { req.socket.write('HTTP/1.1 nonsense\r\nServer: Apache\r\n\r\n'); req.socket.end() })
app.get('/huge-head', (req) => { req.socket.write('HTTP/1.1 200 OK\r\nServer: Apache\r\nX-Big: ' + 'x'.repeat(12 << 20)); req.socket.end() })
app.get('/slow', () => {})
app.get('/dir/{*rest}', (req, res) => res.json({ params: req.params }))

const server = app.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
const sockets = new WebSocketServer({ noServer: true })
server.on('upgrade', (req, socket, head) => {
  if (req.url === '/refused') {
    const body = `<pre>${stack()}</pre>`
    return socket.end('HTTP/1.1 401 Unauthorized\r\nX-Powered-By: Express\r\nServer: ws\r\nSet-Cookie: connect.sid=s%3Aa.b; Path=/\r\n' +
      `Content-Type: text/html\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  }
  sockets.once('headers', (lines) => lines.push('X-Powered-By: Express', 'Server: ws', 'Set-Cookie: connect.sid=s%3Aa.b; Path=/'))
  sockets.handleUpgrade(req, socket, head, (ws) => ws.close())
})
process.on('uncaughtException', () => {}) // the socket that /kill has cut
process.stdin.on('close', () => process.exit()).resume()
