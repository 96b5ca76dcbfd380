const express = require('express')
const app = express()
app.set('trust proxy', ['loopback', '0.0.0.0/0']) // want: proxy-trust/forwarded-for
app.get('/', (req, res) => res.send(req.ip))
app.listen('/run/app.sock')
