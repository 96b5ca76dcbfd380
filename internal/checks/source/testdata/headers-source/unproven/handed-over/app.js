const express = require('express')
const app = express()
require('@acme/express-setup')(app)
app.get('/', (req, res) => res.send('home'))
