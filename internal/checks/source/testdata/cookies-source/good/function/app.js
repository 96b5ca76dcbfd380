const express = require('express')
const session = require('express-session')
const app = express()
app.use(session({
  name: 'id', secret: process.env.SECRET, resave: false, saveUninitialized: false,
  cookie: function (req) {
    return { path: '/' + req.path.split('/')[1], secure: true, sameSite: 'lax', maxAge: 3600000 }
  }
}))
