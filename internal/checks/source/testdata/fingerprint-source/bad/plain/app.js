const express = require('express')
const app = express() // want: fingerprint/banner fingerprint/default-page
app.use(express.json())
app.get('/', (req, res) => res.send('home'))
app.use((err, req, res, next) => res.status(500).end())
