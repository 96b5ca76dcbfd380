const express = require('express')
const session = require('express-session')
const RedisStore = require('connect-redis').default
const app = express()
app.use(session({ secret: process.env.SECRET, store: new RedisStore({ client }) }))
app.post('/logout', (req, res, next) => {
  req.session.destroy((err) => {
    if (err) return next(err)
    res.clearCookie('connect.sid').redirect('/')
  })
})
app.post('/sign-out', (req, res) => {
  req.session = null
  res.clearCookie('connect.sid').redirect('/')
})
app.get('/auth/logoff', (req, res, next) => req.logout(() => res.clearCookie('connect.sid').redirect('/')))
