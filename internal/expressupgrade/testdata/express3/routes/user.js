var http = require('http')

exports.list = function (req, res) {
  res.locals({users: []}) // want res.locals
  res.charset = 'utf-8' // want res.charset
  res.on('header', function () {}) // want res.on('header')
  if (req.acceptsLanguage('de')) { // want req.acceptsLanguage
    return res.json({users: []}, 200) // want res.json(body, status) maybe
  }
  // The response of another server has such a name only.
  http.get('http://api.test', function (res) {
    res.send(404)
    res.sendfile('x')
  })
  res.status(200).send('ok', 201) // want res.send(body, status)
}

exports.save = function (req, res) {
  db.save(req.body, function (err) {
    if (err) return res.send(500, 'no') // want res.send(status, body) maybe
    res.redirect('/users', 303) // want res.redirect(url, status)
  })
}

exports.back = function (req, res) {
  res.redirect('back') // want res.redirect('back')
}

// Nobody calls it.
function orphan(res) {
  res.send(500)
}
