'use strict'
const express = require('express')
const path = require('node:path')

const app = express()
const API = '/api'
const version = 'v1'

app.use(express.json())
app.use('/assets', express.static(path.join(__dirname, 'assets')))

app.get('/', (req, res) => res.send('home'))
app.get(['/about', '/contact'], (req, res) => res.send('static'))
app.get(API + '/items', (req, res) => res.json([]))
app.get(`${API}/${version}/items/:id`, (req, res) => res.json({ id: req.params.id }))
app.post(`${API}/items`, (req, res) => res.status(201).end())
app.route('/cart')
  .get((req, res) => res.send('cart'))
  .post((req, res) => res.redirect('/cart'))
  .delete((req, res) => res.end())
app.all('/any', (req, res) => res.end())
app.get(/^\/legacy-(\d+)$/, (req, res) => res.end())
if (app.get('env') === 'development') {
  app.get('/debug', (req, res) => res.json(process.env))
}
if (process.env.FEATURE_BETA) {
  app.get('/beta', (req, res) => res.send('beta'))
}

app.use((req, res) => res.status(404).send('nothing here'))
app.use((err, req, res, next) => {
  app.get('/never', () => {})
  res.status(500).send('sorry')
})

module.exports = app
if (require.main === module) app.listen(3000)
