const express = require('express')
const session = require('express-session')
const passport = require('passport')
const MongoStore = require('connect-mongo')(session)
const app = express()
const options = { secret: process.env.SECRET }
options.store = new MongoStore({ url: process.env.MONGO })
app.use(session(options))
app.post('/login', passport.authenticate('local'), (req, res) => {
  req.session.userName = req.user.name
  res.end()
})
app.post('/session', (req, res, next) => {
  req.logIn(req.body, err => { req.session.user = req.body.name; next(err) })
})
