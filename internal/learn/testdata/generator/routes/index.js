var express = require('express');
var router = express.Router();
router.get('/', function(req, res, next) { res.render('index', { title: 'Express' }); });
router.post('/login', function(req, res) { const { email, password } = req.body; req.session.user = email; res.redirect('/'); });
module.exports = router;
