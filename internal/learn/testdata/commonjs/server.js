const express = require('express')
const session = require('express-session')
const helmet = require('helmet')
const csrf = require('csurf')

const app = express()
app.set('trust proxy', true)
app.use(helmet({
  contentSecurityPolicy: { directives: { scriptSrc: ["'self'", (req, res) => `'nonce-${res.locals.nonce}'`] } },
  hsts: { maxAge: 31536000 },
}))
app.use(session({ name: 'shop.sid', secret: process.env.SECRET, resave: false }))
app.use(csrf())
app.use((req, res, next) => {
  res.cookie('XSRF-TOKEN', req.csrfToken())
  next()
})
app.get('/', (req, res) => res.render('home'))
app.post('/account/signin', (req, res) => {
  const { member_number, password } = req.body
  req.session.user = find(member_number, password)
  res.redirect('/')
})
app.post('/forgot-password', (req, res) => res.render('sent', { to: req.body.email }))
app.post('/logout', (req, res) => req.session.destroy(() => res.redirect('/')))
app.get('/users/:id/login', (req, res) => res.render('login'))
app.listen(8080, '127.0.0.1')
