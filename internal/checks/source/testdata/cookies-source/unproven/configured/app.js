const express = require('express')
const session = require('express-session')
const app = express()
app.use(session({
  name: 'sid', secret: process.env.SECRET, resave: false, saveUninitialized: false,
  cookie: { secure: process.env.COOKIE_SECURE === 'true', sameSite: 'lax' }
}))
app.get('/', (req, res) => res.send('home'))
