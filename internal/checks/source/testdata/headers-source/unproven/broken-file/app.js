const express = require('express')
const app = express()
require('./middleware')(app)
app.get('/', (req, res) => res.send('home'))
