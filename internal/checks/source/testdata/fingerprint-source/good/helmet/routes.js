const router = require('express').Router()
router.get('/', (req, res) => res.send('home'))
router.all('*', (req, res) => res.status(404).end())
module.exports = router
