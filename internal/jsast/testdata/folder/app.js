const express = require('express')
const fs = require('fs')
const path = require('path')
const app = express()
const dir = path.join(__dirname, 'routes')
fs.readdirSync(dir).filter(file => file !== 'skipped.js').forEach(file => {
  require('./routes/' + file)(app)
})
for (const name of fs.readdirSync('./more')) {
  app.use('/' + path.basename(name), require(path.resolve(__dirname, 'more', name)))
}
module.exports = app
