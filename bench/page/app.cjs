'use strict'
// Two apps on loopback, for the benchmark alone: "bare" is Express that answers a small
// JSON; "stack" is the same with what the page tells to put inside. Weak on purpose where it
// does not matter here: a memory store, a secret in the source.
const express = require('express')
const [, , what, port] = process.argv
const app = express()
const answer = { id: 42, name: 'Tea pot', price: 1999, tags: ['kitchen', 'steel'], stock: 7 }

if (what === 'stack') {
  const helmet = require('helmet')
  const session = require('express-session')
  const csurf = require('csurf')
  const { RateLimiterMemory } = require('rate-limiter-flexible')
  app.disable('x-powered-by')
  app.set('trust proxy', 'loopback')
  app.use(helmet())
  const limiter = new RateLimiterMemory({ points: 1e9, duration: 60 })
  app.use((req, res, next) => limiter.consume(req.ip).then(() => next(), () => res.sendStatus(429)))
  app.use(session({ name: 'id', secret: 'a secret for this benchmark', resave: false, saveUninitialized: false, cookie: { secure: true, httpOnly: true, sameSite: 'lax' } }))
  app.use(csurf())
}
app.get('/login', (req, res) => {
  if (req.session) req.session.user = 'ann'
  res.json({})
})
app.get('/', (req, res) => { res.json(answer) })
app.listen(Number(port), '127.0.0.1')
