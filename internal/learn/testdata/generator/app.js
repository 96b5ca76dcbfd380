var express = require('express');
var cookieParser = require('cookie-parser');
var indexRouter = require('./routes/index');
var app = express();
app.set('view engine', 'jade');
app.use(express.json());
app.use(cookieParser());
app.use('/', indexRouter);
module.exports = app;
