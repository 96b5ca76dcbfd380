const express = require('express')
const app = express()
app.use(require('express-session')({ secret: process.env.SECRET }))
app.get('/logout', (req, res) => req.session.destroy(() => res.redirect('/'))) // want: csrf/state-change-on-get
app.get('/items/:id/delete', async (req, res) => { // want: csrf/state-change-on-get
  await Item.findByIdAndDelete(req.params.id)
  res.redirect('/items')
})
app.get('/removeUser/:id', (req, res) => res.redirect('/')) // want: csrf/state-change-on-get
app.get('/users/:id/delete', (req, res) => res.render('sure'))
app.get('/deleted', (req, res) => res.send('these are gone'))
app.get('/unsubscribe/:token', async (req, res) => { await list.remove(req.params.token); res.end() })
