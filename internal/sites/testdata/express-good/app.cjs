const express = require('express')
const helmet = require('helmet')
const session = require('express-session')
const store = require('./store.cjs')

const app = express()
app.disable('x-powered-by')
app.set('etag', false)
app.use(helmet())
app.use((req, res, next) => {
  res.set('Cache-Control', 'no-store')
  next()
})
app.use(session({
  name: '__Host-id',
  secret: process.env.SESSION_SECRET || require('crypto').randomBytes(32).toString('hex'),
  store: store(session),
  resave: false,
  saveUninitialized: true,
  cookie: { secure: true, httpOnly: true, sameSite: 'lax', path: '/', maxAge: 60 * 60 * 1000 },
}))

app.get('/', (req, res) => {
  res.send('<!doctype html><title>Shop</title><a href="/items/1">An item</a> <a href="/boom">Broken</a>')
})
app.get('/items/:id', (req, res, next) => {
  if (!/^\d+$/.test(req.params.id)) return next()
  res.json({ id: Number(req.params.id), name: 'Chair' })
})
app.get('/boom', () => {
  throw new Error('out of chairs')
})

app.use((req, res) => {
  res.status(404).send('<!doctype html><title>Nothing here</title><p>There is nothing here.')
})
app.use((err, req, res, next) => {
  res.status(err.status || 500).send('<!doctype html><title>Sorry</title><p>That went wrong.')
})

app.listen(3000, '127.0.0.1')
