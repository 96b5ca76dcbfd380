const express = require('express')
const app = express()
app.set('trust proxy', true) // want: proxy-trust/forwarded-for
app.get('/', (req, res) => res.send(req.ip))
app.listen(process.env.PORT || 3000, () => console.log('ready')) // want: proxy-trust/listens-everywhere
