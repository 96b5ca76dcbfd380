module.exports = require('express').Router().get('/:id', (req, res) => res.end())
