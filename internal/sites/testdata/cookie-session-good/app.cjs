const express = require('express')
const helmet = require('helmet')
const cookieSession = require('cookie-session')

const app = express()
app.set('etag', false)
app.use(helmet())
app.use(cookieSession({
  name: '__Host-s',
  keys: [process.env.SESSION_KEY || require('crypto').randomBytes(32).toString('hex')],
  secure: true,
  httpOnly: true,
  sameSite: 'lax',
  maxAge: 60 * 60 * 1000,
}))

app.get('/', (req, res) => {
  req.session.cart = 7
  res.set('Cache-Control', 'no-store').send('<!doctype html><title>Hello</title><a href="/boom">Broken</a>')
})
app.get('/boom', () => {
  throw new Error('no')
})
app.use((req, res) => {
  res.status(404).send('<!doctype html><title>Nothing here</title><p>There is nothing here.')
})
app.use((err, req, res, next) => {
  res.status(err.status || 500).send('<!doctype html><title>Sorry</title><p>That went wrong.')
})

app.listen(3000, '127.0.0.1')
