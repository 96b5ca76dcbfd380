const router = require('express').Router()
router.post('/items', (req, res) => res.json({}))
module.exports = router
