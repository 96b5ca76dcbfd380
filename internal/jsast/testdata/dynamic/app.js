const express = require('express')
const fs = require('fs')
const app = express()
fs.readdirSync('./routes').forEach(file => {
  require('./routes/' + file)(app)
})
app.get('/seen', (req, res) => res.end())
app.get(config().path, (req, res) => res.end())
function config () { return JSON.parse(fs.readFileSync('config.json')) }
module.exports = app
