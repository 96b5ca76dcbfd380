const express = require('express')
const session = require('express-session')

const app = express()
app.use(session({ secret: 'keyboard cat', resave: false, saveUninitialized: true }))

app.get('/', (req, res) => {
  res.send('<!doctype html><title>Shop</title><a href="/items/1">An item</a> <a href="/boom">Broken</a>')
})
app.get('/items/:id', (req, res) => {
  res.json({ id: Number(req.params.id), name: 'Chair' })
})
app.get('/boom', () => {
  throw new Error('out of chairs')
})

app.listen(3000)
