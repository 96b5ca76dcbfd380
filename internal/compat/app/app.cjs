// The unmodified Express 5 app that stands behind the door: one process, three host
// names. It prints {"port": N} when it listens, on loopback, and ends with its stdin.
//
// FOREIGN is the port of foreign.cjs, the sites that are not behind the door.
'use strict'
const http = require('node:http')
const express = require('express')
const login = require('./login.cjs')
const wire = require('./wire.cjs')

const foreign = process.env.FOREIGN
const sites = {
  partner: `http://partner.localhost:${foreign}`,
  idp: `http://idp.localhost:${foreign}`,
  tokens: `http://127.0.0.1:${foreign}`,
}

const app = express()
app.set('trust proxy', 'loopback')
const shared = login.install(app, sites)
wire.install(app, sites)

const sibling = express()
sibling.set('trust proxy', 'loopback')
sibling.get('/sso/me', shared.sso, (req, res) => res.json({ user: req.session.user ?? null, cookies: req.headers.cookie ?? '' }))

const cdn = express()
cdn.get('/lib.js', (req, res) => res.type('text/javascript').send('window.fromCDN = true\n'))
cdn.get('/pixel.svg', (req, res) => res.type('image/svg+xml').send('<svg xmlns="http://www.w3.org/2000/svg" width="3" height="2"/>'))

const byName = { 'app.localhost': app, 'sibling.app.localhost': sibling, 'cdn.localhost': cdn }
const server = http.createServer((req, res) => {
  const name = (req.headers.host ?? '').replace(/:\d+$/, '')
  return (byName[name] ?? app)(req, res)
})
wire.upgrade(server, shared.session)
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.stdin.on('close', () => process.exit()).resume()
