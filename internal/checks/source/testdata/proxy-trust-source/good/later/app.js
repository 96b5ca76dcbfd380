const express = require('express')
const app = express()
if (app.get('env') === 'production') app.set('trust proxy', 1)
else app.set('trust proxy', true)
app.get('/', (req, res) => res.send(req.ip))
module.exports = app
