const express = require('express')
const settings = { 'x-powered-by': false, 'trust proxy': 1 }
const app = express()
for (const [name, value] of Object.entries(settings)) app.set(name, value)
app.get('/', (req, res) => res.send('home'))
app.use(notFound)
function notFound (req, res, next) { next(Object.assign(new Error('missing'), { status: 404 })) }
