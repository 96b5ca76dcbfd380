const express = require('express')
module.exports = () => {
  const router = express.Router()
  return router
    .get('/', (req, res) => res.json([]))
    .put('/:sku', (req, res) => res.end())
}
