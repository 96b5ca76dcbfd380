module.exports = require('express').Router().get('/', function (req, res) { res.render('index') })
