// An Express shop with csurf, or without, and a WebSocket of ws. It prints its port.
'use strict'
const express = require('express')
const session = require('express-session')
const csurf = require('csurf')
const cookieParser = require('cookie-parser')
const { WebSocketServer } = require('ws')

const app = express()
app.use(cookieParser())
app.use(session({ secret: 'what nobody needs to guess here', resave: false, saveUninitialized: true }))
app.use(express.urlencoded({ extended: false }))
app.use(express.json())
if (process.env.CSRF === 'session') app.use(csurf())
if (process.env.CSRF === 'cookie') app.use(csurf({ cookie: true }))
const token = (req) => `<input type="hidden" name="_csrf" value="${req.csrfToken ? req.csrfToken() : ''}">`

app.get('/', (req, res) => res.send(`<!doctype html><a href="/login">Log in</a>
<form method="post" action="/cart">${token(req)}<input type="hidden" name="id" value="3"><input name="note" required><button>Add</button></form>
<script>new WebSocket('ws://' + location.host + '/live')</script>`))
app.get('/login', (req, res) => res.send(`<!doctype html><form method="post" action="/login">${token(req)}<input name="user"><input type="password" name="pass"><button>Log in</button></form>`))
app.post('/login', (req, res) => res.status(401).send('wrong password'))
app.post('/cart', (req, res) => {
  if (!req.body || !req.body.id) return res.status(400).send('no id')
  res.redirect('/')
})
app.post('/api/cart', (req, res) => {
  if (!req.body || req.body.id !== 3) return res.status(400).json({ error: 'no id' })
  res.json({ ok: true, order: Math.random() })
})

const server = app.listen(0, '127.0.0.1', () => console.log('listening on ' + server.address().port))
new WebSocketServer({
  server,
  path: '/live',
  verifyClient: ({ origin, req }) => process.env.CSRF === undefined || origin === 'http://' + req.headers.host
})
