const express = require('express')
const app = express() // want: headers/csp-absent headers/nosniff headers/framing headers/hsts-absent headers/referrer-absent
app.use(express.json())
app.get('/', (req, res) => res.send('home'))
app.listen(3000)
