const { Router } = require('express')

class Shops {
  constructor () {
    this.router = Router()
    this.mount()
  }

  mount () {
    this.router.get('/', this.list.bind(this))
    this.router.get('/:shop', this.list)
  }

  list (req, res) {
    res.json([])
  }
}

module.exports = new Shops().router
