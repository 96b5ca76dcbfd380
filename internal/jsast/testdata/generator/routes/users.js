var express = require('express');
var router = express.Router();

/* GET users listing. */
router.get('/', function(req, res, next) {
  res.send('respond with a resource');
});
router.get('/:userId/orders/:orderId', function(req, res, next) {
  res.send('order');
});

module.exports = router;
