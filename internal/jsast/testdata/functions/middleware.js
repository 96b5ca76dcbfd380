const express = require('express')
module.exports = function (app) {
  const stack = [express.json(), express.urlencoded({ extended: false })]
  app.use(stack)
  app.use('/files', express.static('files', { index: false }))
}
