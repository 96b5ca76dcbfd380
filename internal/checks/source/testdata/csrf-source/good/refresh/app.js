const express = require('express')
const app = express()
app.use(require('cookie-parser')())
app.post('/login', (req, res) => {
  res.cookie('refresh_token', '…', { httpOnly: true, secure: true, sameSite: 'strict', path: '/refresh' })
  res.json({ access: '…' })
})
app.post('/refresh', (req, res) => {
  if (!req.cookies.refresh_token) return res.sendStatus(401)
  res.json({ access: '…' })
})
app.post('/items', (req, res, next) => {
  if (!known(req.get('Authorization'))) return res.sendStatus(401)
  next()
}, (req, res) => res.json({}))
