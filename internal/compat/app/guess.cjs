// An Express app whose logins count how often a password was looked at: a form with
// express-session as passport's examples have it (302 to / or to /login?error), and JSON
// (200 or 401). It takes what the body parsers take by default, gzip and charsets included.
'use strict'
const crypto = require('node:crypto')
const express = require('express')
const session = require('express-session')

const users = { ada: 'lovelace', grace: 'hopper', mallory: 'mallory' }
const looked = {}
const app = express()
app.set('trust proxy', 'loopback')
app.use(session({ secret: 'one of ours', resave: false, saveUninitialized: true }))
app.use(express.urlencoded({ extended: true }), express.json())

// right looks at the password, as slowly for a user that is not there.
function right (name, password) {
  looked[name] = (looked[name] ?? 0) + 1
  const digest = (text) => crypto.createHash('sha256').update(String(text)).digest()
  return crypto.timingSafeEqual(digest(password), digest(users[name] ?? crypto.randomUUID()))
}
// As passport-local looks its fields up.
const lookup = (req, name) => req.body?.[name] || req.query[name]

app.get('/', (req, res) => res.send(`hello ${req.session.user ?? 'stranger'}`))
app.get('/login', (req, res) => res.send('<form method="post"><input name="username"><input name="password" type="password"><button>Log in</button></form>'))
app.post('/login', (req, res, next) => {
  const name = lookup(req, 'username')
  if (!right(name, lookup(req, 'password'))) return res.redirect('/login?error')
  req.session.regenerate((err) => {
    if (err) return next(err)
    req.session.user = name
    res.redirect('/')
  })
})
app.post('/api/login', (req, res) => {
  const { username, password } = req.body ?? {}
  if (!right(username, password)) return res.status(401).json({ error: 'wrong user or password' })
  req.session.user = username
  res.json({ user: username })
})
app.get('/looked', (req, res) => res.json(looked))
app.use((err, req, res, next) => res.status(err.status ?? 500).json({ error: err.type ?? 'failed' }))

const server = app.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.stdin.on('end', () => process.exit()).resume()
