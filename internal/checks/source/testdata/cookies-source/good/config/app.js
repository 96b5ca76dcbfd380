const express = require('express')
const session = require('express-session')
const { cookie, ...options } = require('./config')[process.env.NODE_ENV || 'development'].session
const app = express()
app.use(session({ ...options, resave: false, saveUninitialized: false, cookie: { ...cookie, httpOnly: true } }))
app.get('/', (req, res) => res.send('home'))
