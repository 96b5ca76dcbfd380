const express = require('express')
const helmet = require('helmet')
const cookieSession = require('cookie-session')

const app = express()
app.use(helmet())
app.use(cookieSession({ name: 'session', keys: ['key1', 'key2'] }))

app.get('/', (req, res) => {
  req.session.user = { name: 'Ann', mail: 'ann@shop.example', roles: ['admin'] }
  res.send('<!doctype html><title>Hello</title><p>Hello Ann')
})

app.listen(3000)
