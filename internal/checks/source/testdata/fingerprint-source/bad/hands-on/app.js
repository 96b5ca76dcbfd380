const express = require('express')
const app = express() // want: fingerprint/default-page
app.disable('x-powered-by')
app.get('/', (req, res) => res.send('home'))
app.use((req, res, next) => { console.log(req.url); next() })
