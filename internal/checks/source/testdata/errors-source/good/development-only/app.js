var express = require('express');
var errorhandler = require('errorhandler');
var app = express();
var dev = app.get('env') === 'development';
app.use('/', require('./routes'));
if (process.env.NODE_ENV !== 'production') {
  app.use(errorhandler());
}
app.use(function (err, req, res, next) {
  // set locals, only providing error in development
  res.locals.error = req.app.get('env') === 'development' ? err : {};
  res.status(err.status || 500);
  if (dev) return res.send(err.stack);
  res.json({
    message: err.message,
    stack: process.env.NODE_ENV === 'production' ? null : err.stack,
    ...(process.env.NODE_ENV === 'development' && { trace: err.stack })
  });
});
