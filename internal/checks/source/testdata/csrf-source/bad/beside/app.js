const express = require('express')
const session = require('express-session')
const { doubleCsrfProtection } = require('./protection')
const app = express()
app.use(session({ secret: process.env.SECRET, cookie: { sameSite: 'lax' } }))
app.use('/api', doubleCsrfProtection, require('./api'))
app.post('/profile', (req, res) => res.end()) // want: csrf/missing
app.post('/form', doubleCsrfProtection, (req, res) => res.end())
