const express = require('express')
const app = express()
app.use((err, req, res, next) => res.status(500).end()) // want: errors/handler-early
app.get('/', (req, res) => res.send('home'))
