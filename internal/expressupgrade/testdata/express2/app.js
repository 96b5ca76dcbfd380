var express = require('express')
  , routes = require('./routes')

var app = module.exports = express.createServer() // want express.createServer

app.configure(function () { // want app.configure
  app.set('views', __dirname + '/views')
  app.set('view engine', 'jade')
  app.use(express.bodyParser()) // want express.bodyParser
  app.use(express.methodOverride()) // want express.methodOverride
  app.use(express.cookieParser()) // want express.cookieParser
  app.use(express.session({secret: 'keyboard cat'})) // want express.session
  app.use(app.router) // want app.router
  app.use(express.static(__dirname + '/public'))
})

app.configure('development', function () { // want app.configure
  app.use(express.errorHandler({dumpExceptions: true, showStack: true})) // want express.errorHandler maybe
})

app.dynamicHelpers({ // want app.dynamicHelpers
  session: function (req, res) { return req.session }
})
app.helpers({title: 'Shop'}) // want app.helpers

app.error(function (err, req, res, next) { // want app.error
  res.render('500.jade')
})

app.get('/', routes.index)
app.del('/item/:id', routes.remove) // want app.del
app.listen(3000)
