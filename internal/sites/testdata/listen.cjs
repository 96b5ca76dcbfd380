// Loaded before each app: whatever port it wants to listen on, it gets a free one of
// loopback, with TLS, and says which. The apps themselves stay as their authors would
// have written them for a server that terminates TLS itself.
'use strict'
const http = require('http')
const https = require('https')
const fs = require('fs')

const options = {
  cert: fs.readFileSync(process.env.CORPUS_CERT),
  key: fs.readFileSync(process.env.CORPUS_KEY),
  minVersion: 'TLSv1.2',
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305',
}

http.createServer = (...args) => {
  const server = https.createServer(options, args.findLast((a) => typeof a === 'function'))
  const listen = server.listen.bind(server)
  server.listen = (...given) => {
    const done = given.findLast((a) => typeof a === 'function')
    return listen(0, '127.0.0.1', () => {
      console.log('listening on ' + server.address().port)
      if (done) done()
    })
  }
  return server
}
