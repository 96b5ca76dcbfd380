const express = require('express')
const app = express()
app.use(require('@acme/security-headers')())
app.get('/', (req, res) => res.send('home'))
