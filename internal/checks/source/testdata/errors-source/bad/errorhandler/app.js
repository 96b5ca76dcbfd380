const express = require('express')
const errorHandler = require('errorhandler')
const app = express()
app.get('/', (req, res) => res.send('home'))
app.use(errorHandler()) // want: errors/errorhandler
