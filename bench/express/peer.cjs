'use strict'
// express-session with its memory store, in process: one request after the other, each
// with a response that goes nowhere. Prints microseconds a request.
const http = require('http')
const { Writable } = require('stream')
const session = require('express-session')

const middleware = session({ secret: 'a secret for this benchmark', resave: false, saveUninitialized: false })
const nowhere = new Writable({ write: (chunk, encoding, done) => done() })

function ask (cookie, act) {
  return new Promise((resolve, reject) => {
    const req = { method: 'GET', url: '/', originalUrl: '/', headers: cookie ? { cookie } : {}, connection: {}, secure: false }
    const res = new http.ServerResponse(req)
    res.assignSocket(nowhere)
    middleware(req, res, (err) => {
      if (err) return reject(err)
      act(req.session)
      res.on('finish', () => {
        res.detachSocket(nowhere)
        resolve(res.getHeader('set-cookie'))
      })
      res.end()
    })
  })
}

async function main () {
  nowhere.setMaxListeners(0)
  let n = 0
  const acts = { change: (s) => { s.n = n++ }, read: (s) => s.user }
  const act = acts[process.argv[2]]
  const [line] = await ask('', (s) => { s.user = 'ann' })
  const cookie = line.split(';')[0]
  for (let i = 0; i < 2000; i++) await ask(cookie, act)
  const many = 10000
  const began = process.hrtime.bigint()
  for (let i = 0; i < many; i++) await ask(cookie, act)
  console.log(Number(process.hrtime.bigint() - began) / many / 1000)
}
main()
