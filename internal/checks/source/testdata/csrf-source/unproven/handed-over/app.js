const app = require('express')()
app.use(require('express-session')({ secret: process.env.SECRET }))
require('@acme/setup')(app)
app.post('/items', (req, res) => res.end())
