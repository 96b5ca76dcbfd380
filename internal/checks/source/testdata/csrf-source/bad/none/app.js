const express = require('express')
const session = require('express-session')
const app = express()
app.use(express.urlencoded({ extended: false }))
app.post('/hooks/stripe', (req, res) => res.end())
app.use(session({ secret: process.env.SECRET }))
app.get('/transfer', (req, res) => res.render('transfer'))
app.post('/search', (req, res) => res.render('found'))
app.put('/name', rename) // the form below is the better example
app.post('/transfer', (req, res) => res.redirect('/')) // want: csrf/missing
app.use('/account', require('./account'))
app.all('*', (req, res) => res.status(404).send('not found'))
function rename (req, res) { res.end() }
