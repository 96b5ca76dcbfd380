const router = require('express').Router()
router.post('/transfer', (req, res) => res.end())
router.delete('/items/:id', (req, res) => res.end())
module.exports = router
