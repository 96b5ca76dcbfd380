var express = require('express')
var http = require('http')
var path = require('path')
var user = require('./routes/user')

var app = express()

app.set('port', process.env.PORT || 3000)
app.use(express.favicon()) // want express.favicon
app.use(express.logger('dev')) // want express.logger
app.use(express.json())
app.use(express.urlencoded())
app.use(express.multipart()) // want express.multipart
app.use(express.compress()) // want express.compress
app.use(express.cookieSession({secret: 's'})) // want express.cookieSession
app.use(express.csrf()) // want express.csrf
app.use(express.basicAuth('user', 'secret')) // want express.basicAuth
app.use(app.router) // want app.router
app.use(express['static'](path.join(__dirname, 'public')))
express.static.mime.define({'text/x-shop': ['shop']}) // want express.static.mime

if (process.env.PROXY) {
  app.use(express.limit('5mb')) // want express.limit maybe
}

app.locals({title: 'Shop'}) // want app.locals

app.get('/users', user.list)
app.post('/users', user.save)
app.get('/back', user.back)
app.get('*', function (req, res) { // want * without a name in a path
  res.sendfile('index.html') // want res.sendfile
})

http.createServer(app).listen(app.get('port'))
