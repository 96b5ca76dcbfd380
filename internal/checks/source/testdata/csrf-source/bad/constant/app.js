const express = require('express')
const { doubleCsrf } = require('csrf-csrf')
const app = express()
app.use(require('express-session')({ secret: process.env.SECRET }))
const a = doubleCsrf({ getSecret }) // want: csrf/constant-session-id
const b = doubleCsrf({
  getSecret,
  ignoredMethods: ['GET', 'DELETE'], // want: csrf/ignored-methods
  getSessionIdentifier: (req) => req.ip // want: csrf/constant-session-id
})
const c = require('tiny-csrf')(process.env.KEY, ['DELETE']) // want: csrf/ignored-methods
app.post('/a', a.doubleCsrfProtection, (req, res) => res.end())
app.post('/b', b.doubleCsrfProtection, (req, res) => res.end())
app.post('/c', c, (req, res) => res.end())
