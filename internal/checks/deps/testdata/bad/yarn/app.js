var express = require('express')
var app = express()
app.configure(function () {
  app.use(express.bodyParser())
})
app.get('/', function (req, res) {
  res.send('ok')
})
app.listen(3000)
