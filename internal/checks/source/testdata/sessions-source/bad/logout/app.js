const express = require('express')
const session = require('express-session')
const RedisStore = require('connect-redis').default
const app = express()
app.use(session({ secret: process.env.SECRET, store: new RedisStore({ client }) }))
app.get('/logout', (req, res) => {
  res.clearCookie('connect.sid') // want: sessions/logout
  res.redirect('/')
})
app.get('/blogout-page', (req, res) => res.clearCookie('theme').end())
