// Node's parser for TestParsersAgree. Says its port first. A connection to it gets, when it
// has ended, what was read on it: a JSON line for each request, and one for an error.
// On stdin come "port index" lines: /index is asked of that port, and what the answer was is
// a JSON line on stdout.
const http = require('http')
const net = require('net')

// The server's side reads what a raw connection brings, and answers on that connection.
const inner = http.createServer((req, res) => {
  let body = ''
  req.setEncoding('latin1')
  req.on('data', piece => { body += piece })
  req.on('end', () => {
    req.socket.said.push({ Method: req.method, Path: req.url, Body: body, Whole: true })
    res.end()
  })
  req.on('error', () => {})
})
inner.on('checkContinue', (req, res) => inner.emit('request', req, res))
inner.on('connect', (req, socket) => { socket.said.push({ Wrong: 'CONNECT' }); socket.destroy() })
inner.on('clientError', (err, socket) => { socket.said.push({ Wrong: err.code }); socket.destroy() })
inner.listen(0, '127.0.0.1')
const waiting = new Map()
inner.on('connection', socket => {
  const from = socket.remotePort
  socket.said = []
  socket.on('close', () => waiting.get(from)?.(socket.said))
})
net.createServer({ allowHalfOpen: true }, outer => {
  const to = net.connect(inner.address().port, '127.0.0.1', () => {
    waiting.set(to.localPort, said => { waiting.delete(to.localPort); outer.end(said.map(s => JSON.stringify(s) + '\n').join('')) })
    outer.pipe(to)
  })
  to.on('error', () => {})
  to.resume()
  outer.on('error', () => {})
}).listen(0, '127.0.0.1', function () { console.log(this.address().port) })

require('readline').createInterface({ input: process.stdin }).on('line', line => {
  const [port, index] = line.split(' ')
  const say = seen => process.stdout.write(JSON.stringify(seen) + '\n')
  const req = http.get({ port, host: '127.0.0.1', path: '/' + index, agent: false, insecureHTTPParser: false }, res => {
    let body = ''
    res.setEncoding('latin1')
    res.on('data', piece => { body += piece })
    res.on('end', () => say({ Path: index, Method: String(res.statusCode), Body: body, Whole: true }))
    res.on('error', err => say({ Path: index, Wrong: err.code }))
  })
  req.on('upgrade', (res, socket) => { socket.destroy(); say({ Path: index, Wrong: 'UPGRADE' }) })
  req.on('error', err => say({ Path: index, Wrong: err.code }))
})
