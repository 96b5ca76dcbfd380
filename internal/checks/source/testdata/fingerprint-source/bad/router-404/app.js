const express = require('express')
const app = express() // want: fingerprint/default-page
app.set('X-Powered-By', false)
const api = express.Router()
api.get('/', (req, res) => res.json({}))
api.use((req, res) => res.status(404).json({}))
app.use('/api', api)
app.use(express.static('files'))
