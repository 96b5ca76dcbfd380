const express = require('express')
const http = require('http')
const app = express()
app.enable('trust proxy') // want: proxy-trust/forwarded-for
app.get('/', (req, res) => res.send(req.ip))
const server = http.createServer(app)
server.listen({ port: 3000, host: '0.0.0.0' }) // want: proxy-trust/listens-everywhere
