const express = require('express')
const helmet = require('helmet')
const app = express()
app.get('/', (req, res) => res.send('home'))
app.use(helmet()) // want: headers/late
app.get('/later', (req, res) => res.send('later'))
