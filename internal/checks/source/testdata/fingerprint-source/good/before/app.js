const express = require('express')
const app = express()
app.disable('x-powered-by')
app.use((req, res, next) => { req.started = Date.now(); next() })
app.get('/', (req, res) => res.send('home'))
app.use(wrap(spa()))
app.listen(3000, () => { app.get('/metrics', (req, res) => res.end()) })
function wrap (f) { return (req, res, next) => { Promise.resolve(f(req, res, next)).catch(next) } }
function spa () {
  return (req, res, next) => {
    if (req.url.startsWith('/api')) return next(new Error('unexpected path'))
    res.sendFile('index.html')
  }
}
