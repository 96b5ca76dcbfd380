exports.index = function (req, res) {
  req.flash('info', 'hello') // want req.flash
  res.render('index', {title: req.param('title')}) // want req.param
}

exports.remove = function (req, res) {
  res.send(204) // want res.send(status)
}
