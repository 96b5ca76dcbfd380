const express = require('express')
const session = require('express-session')
const app = express()
const store = process.env.REDIS ? new (require('connect-redis')(session))() : undefined
app.use(session({ secret: process.env.SECRET, store }))
app.get('/', (req, res) => res.send('home'))
