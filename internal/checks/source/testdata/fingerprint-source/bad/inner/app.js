const express = require('express')
const app = express()
const admin = express() // want: fingerprint/banner
app.disable('x-powered-by')
admin.get('/', (req, res) => res.send('admin'))
app.use('/admin', admin)
app.get('*splat', (req, res) => res.status(404).send('nothing here'))
