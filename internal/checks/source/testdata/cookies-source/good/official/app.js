var express = require('express')
var session = require('express-session')
var app = express()
var sess = {
  name: 'id',
  secret: process.env.SECRET,
  resave: false,
  saveUninitialized: false,
  cookie: { sameSite: 'lax' }
}
if (app.get('env') === 'production') {
  app.set('trust proxy', 1) // trust first proxy
  sess.cookie.secure = true // serve secure cookies
}
app.use(session(sess))
app.get('/', function (req, res) { res.send('home') })
