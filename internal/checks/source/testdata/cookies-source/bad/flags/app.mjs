import express from 'express'
import session from 'express-session'
const isProduction = process.env.NODE_ENV === 'production'
const options = {
  name: 'sid',
  secret: [process.env.SECRET || 'a2c9e1f0b4'], // want: cookies/secret-in-source
  resave: false,
  saveUninitialized: false,
  cookie: {
    secure: !isProduction, // want: cookies/secure
    httpOnly: false, // want: cookies/httponly
    sameSite: 'none' // want: cookies/samesite-none
  }
}
const app = express()
app.use(session(options))
app.get('/', (req, res) => res.send('home'))
