const express = require('express')
const session = require('express-session')
const cookieParser = require('cookie-parser')
const app = express()
app.use(cookieParser('Pq8fz0a7Wm3')) // want: cookies/secret-in-source
app.use(session({ // want: cookies/default-name cookies/secure cookies/samesite cookies/resave
  secret: 'keyboard cat', // want: cookies/weak-secret
  saveUninitialized: true // want: cookies/save-uninitialized
}))
app.post('/login', (req, res) => {
  res.cookie('auth_token', sign(req.body)) // want: cookies/secure cookies/httponly cookies/samesite
  res.cookie('theme', 'dark', { secure: true }) // want: cookies/httponly-other cookies/samesite-other
  res.end()
})
