const express = require('express')
const app = express()

require('./middleware')(app)
require('./routes')(app)

const tables = [
  { path: '/shops', router: require('./routes/shops') },
  { path: '/stock', router: require('./routes/stock')() }
]
tables.forEach(({ path, router }) => app.use(path, router))

for (const name of ['red', 'green']) {
  app.get('/colour/' + name, (req, res) => res.send(name))
}

const verbs = { get: '/read', post: '/write' }
for (const [verb, path] of Object.entries(verbs)) app[verb](path, (req, res) => res.end())

;(async () => {
  await Promise.resolve()
  app.get('/late', (req, res) => res.end())
})()

module.exports = app
