'use strict'
// An Express app with sessions of express-session, in Redis or in memory, or of
// cookie-session: for a Go service to share, and for the door to lift. It listens on
// loopback and ends when its standard input does.
const express = require('express')

const secrets = JSON.parse(process.env.SECRETS)
const app = express()

async function sessions () {
  if (process.env.KIND === 'cookie') {
    const Keygrip = require('keygrip')
    return require('cookie-session')({ name: 'session', keys: new Keygrip(secrets, process.env.ALGORITHM || 'sha1'), sameSite: 'lax' })
  }
  if (process.env.KIND === 'memory') {
    // As many apps have it: what a request has read is written again at its end.
    return require('express-session')({ secret: secrets, resave: true, saveUninitialized: true, rolling: true })
  }
  const { RedisStore } = require('connect-redis')
  const client = require('redis').createClient({ url: process.env.REDIS })
  client.on('error', (e) => console.error(String(e)))
  await client.connect()
  return require('express-session')({
    secret: secrets, store: new RedisStore({ client }), resave: false, saveUninitialized: false
  })
}

sessions().then((middleware) => {
  app.use(middleware)
  app.get('/show', (req, res) => {
    const { cookie, ...members } = req.session
    res.json(members)
  })
  app.get('/set', (req, res) => {
    Object.assign(req.session, JSON.parse(req.query.members))
    res.end('ok')
  })
  app.get('/login', (req, res, next) => {
    if (!req.session.regenerate) {
      req.session = { user: req.query.user }
      return res.end('ok')
    }
    req.session.regenerate((err) => {
      if (err) return next(err)
      req.session.user = req.query.user
      res.end('ok')
    })
  })
  app.post('/login', (req, res) => {
    req.session.user = req.query.user // the id stays, as with many apps
    res.redirect('/show')
  })
  app.post('/logout', (req, res, next) => {
    if (!req.session.destroy) {
      req.session = null
      return res.redirect('/show')
    }
    req.session.destroy((err) => err ? next(err) : res.redirect('/show'))
  })
  app.get('/slow', (req, res) => {
    const user = req.session.user
    console.log(JSON.stringify({ slow: true }))
    process.stdin.once('data', () => res.end(String(user)))
  })
  app.get('/raw', (req, res) => res.end(String(req.headers.cookie || '')))
  app.get('/logout', (req, res, next) => {
    if (!req.session.destroy) {
      req.session = null
      return res.end('ok')
    }
    req.session.destroy((err) => err ? next(err) : res.end('ok'))
  })
  const server = app.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ url: 'http://127.0.0.1:' + server.address().port, port: server.address().port })))
})

process.stdin.on('end', () => process.exit()).resume()
