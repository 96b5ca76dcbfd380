const express = require('express')
const helmet = require('helmet')
function build () {
  const app = express()
  app.use(helmet({ xFrameOptions: false }))
  app.get('/', (req, res) => res.send('home'))
  return app
}
module.exports = build
