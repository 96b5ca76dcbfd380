process.env.NODE_ENV = 'staging' // want: errors/development
const express = require('express')
const app = express()
app.get('/', (req, res) => res.send('home'))
app.use((err, req, res, next) => res.status(500).end())
