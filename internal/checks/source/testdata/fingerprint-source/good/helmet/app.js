const express = require('express')
const app = express()
app.use(require('helmet')({ contentSecurityPolicy: false }))
app.use('/', require('./routes'))
