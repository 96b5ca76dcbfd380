// Says on stdout, a JSON line each, which requests Node's http server sees.
const http = require('http')
const say = seen => process.stdout.write(JSON.stringify(seen) + '\n')
const server = http.createServer((req, res) => {
  let body = ''
  let ended = false
  req.setEncoding('latin1')
  req.on('data', piece => { body += piece })
  req.on('end', () => {
    ended = true
    say({ Method: req.method, Path: req.url, Body: body, Whole: true })
    res.setHeader('content-type', 'text/plain')
    res.setHeader('x-seen', req.url)
    res.end('echo')
  })
  req.on('error', () => {})
  req.on('close', () => { if (!ended) say({ Method: req.method, Path: req.url, Body: body, Whole: false }) })
})
server.on('clientError', (err, socket) => {
  // A request that the door gives up ends in the middle: that is no other framing.
  if (err.code !== 'ECONNRESET' && err.code !== 'HPE_INVALID_EOF_STATE') {
    say({ Wrong: err.code + ' ' + String(err.rawPacket).slice(0, 300) })
  }
  socket.destroy()
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
