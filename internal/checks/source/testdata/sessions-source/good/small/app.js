const express = require('express')
const app = express()
app.use(require('cookie-session')({ keys: [process.env.KEY] }))
app.post('/login', (req, res) => {
  req.session.user = { id: 7, role: 'guest' }
  req.session.views = (req.session.views || 0) + 1
  res.end()
})
