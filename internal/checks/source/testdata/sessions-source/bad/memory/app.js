const express = require('express')
const session = require('express-session')
const app = express()
app.use(session({ name: 'id', secret: process.env.SECRET })) // want: sessions/memory-store
app.post('/login', (req, res) => {
  db.find(req.body.name, (err, user) => {
    if (!user) {
      req.session.error = 'wrong password'
      return res.redirect('/login')
    }
    req.session.userId = user.id // want: sessions/fixation
    res.redirect('/')
  })
})
