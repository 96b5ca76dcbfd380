const express = require('express')
const protect = require('csrf-sync').csrfSync().csrfSynchronisedProtection
const app = express()
app.use(require('express-session')({ secret: process.env.SECRET }))
app.use((req, res, next) => req.path.startsWith('/api') ? next() : protect(req, res, next))
app.post('/api/items', (req, res) => res.end())
