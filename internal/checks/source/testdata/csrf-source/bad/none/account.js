const router = require('express').Router()
router.route('/email').post((req, res) => { // want: csrf/missing
  req.session.email = req.body.email
  res.redirect('/account')
})
module.exports = router
