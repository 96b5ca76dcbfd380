const express = require('express')
const helmet = require('helmet')
const app = express() // want: headers/csp-absent headers/nosniff headers/framing headers/hsts-absent headers/referrer-absent
const api = express.Router()
api.use(helmet())
api.get('/', (req, res) => res.json({}))
app.use('/api', api)
app.get('/', (req, res) => res.send('home'))
