const express = require('express')
const session = require('express-session')
const app = express()
app.use(session({
  name: 'id', secret: process.env.SECRET, resave: false, saveUninitialized: false,
  cookie: (req) => ({
    httpOnly: true,
    secure: 'auto', // want: cookies/auto-in-function
    sameSite: 'auto' // want: cookies/auto-in-function
  })
}))
