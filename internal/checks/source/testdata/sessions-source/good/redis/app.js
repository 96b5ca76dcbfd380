const express = require('express')
const session = require('express-session')
const RedisStore = require('connect-redis').default
const app = express()
app.use(session({ secret: process.env.SECRET, store: new RedisStore({ client }) }))
app.post('/login', (req, res, next) => {
  req.session.regenerate(err => {
    if (err) return next(err)
    req.session.user = req.body.name
    res.redirect('/')
  })
})
app.post('/logout', (req, res) => { req.session.user = null; res.end() })
