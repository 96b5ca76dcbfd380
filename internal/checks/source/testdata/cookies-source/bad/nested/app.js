const express = require('express')
const session = require('cookie-session')
const app = express()
const expiryDate = new Date(Date.now() + 60 * 60 * 1000) // 1 hour
app.use(session({ // want: cookies/samesite
  name: 'session',
  keys: ['key1', process.env.KEY2], // want: cookies/weak-secret
  cookie: { // want: cookies/nested-options
    secure: true,
    httpOnly: true,
    expires: expiryDate
  }
}))
app.get('/', (req, res) => res.send('home'))
