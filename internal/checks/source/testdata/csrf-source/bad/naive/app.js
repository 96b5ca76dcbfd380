const express = require('express')
const app = express()
app.use(require('cookie-parser')())
app.use(require('express-session')({ secret: process.env.SECRET }))
app.use((req, res, next) => {
  if (!req.cookies.csrf) res.cookie('csrf', crypto.randomUUID()) // want: csrf/token-in-readable-cookie
  if (req.method !== 'GET' && req.cookies.csrf !== req.body.csrf) {
    return res.status(403).end()
  }
  next()
})
app.post('/transfer', (req, res) => res.redirect('/'))
app.use('/beside', require('csrf-sync').csrfSync({
  getTokenFromRequest: (req) => req.cookies['XSRF-TOKEN'] // want: csrf/token-in-readable-cookie
}).csrfSynchronisedProtection)
