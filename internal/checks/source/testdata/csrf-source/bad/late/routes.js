const { Router } = require('express')
const routes = Router()
routes.post('/', (req, res) => res.end())
routes.delete('/:id', (req, res) => res.end())
module.exports = routes
