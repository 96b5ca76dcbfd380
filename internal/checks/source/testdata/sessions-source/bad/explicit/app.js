const express = require('express')
const session = require('express-session')
const app = express()
app.use(session({
  secret: process.env.SECRET,
  store: new session.MemoryStore() // want: sessions/memory-store
}))
app.route('/sign-in').post(wrap(signIn))
async function signIn (req, res) {
  req.session.user = await check(req.body) // want: sessions/fixation
  res.end()
}
