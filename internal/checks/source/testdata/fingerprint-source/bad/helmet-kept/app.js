const express = require('express')
const app = express() // want: fingerprint/banner
app.use(require('helmet')({ hidePoweredBy: false }))
app.get('/', (req, res) => res.send('home'))
app.use((req, res) => { res.sendStatus(404) })
