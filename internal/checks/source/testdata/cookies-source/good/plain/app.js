const express = require('express')
const session = require('express-session')
const app = express()
app.use(session({
  name: '__Host-sid',
  secret: process.env.SESSION_SECRET,
  resave: false,
  saveUninitialized: false,
  cookie: { secure: 'auto', sameSite: 'lax' }
}))
app.get('/', (req, res) => {
  res.cookie('theme', 'dark', { secure: true, httpOnly: true, sameSite: 'lax' })
  res.cookie('XSRF-TOKEN', req.csrfToken(), { secure: true, sameSite: 'strict' })
  res.cookie('old', '', { maxAge: 0 })
  res.clearCookie('older')
  res.send('home')
})
