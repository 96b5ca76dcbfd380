const express = require('express')
const session = require('express-session')
const { csrfSync } = require('csrf-sync')
const { csrfSynchronisedProtection } = csrfSync()
const app = express()
app.use(session({ secret: process.env.SECRET }))
app.use('/items', require('./routes'))
app.use(csrfSynchronisedProtection) // want: csrf/after-routes
app.post('/later', (req, res) => res.end())
