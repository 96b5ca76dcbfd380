const express = require('express')
const app = express()
app.use(require('cookie-session')({ keys: [process.env.KEY] }))
app.post('/login', async (req, res) => {
  req.session.user = await User.findOne({ name: req.body.name }) // want: sessions/large-cookie
  req.session.cart = { items: [], total: 0 } // want: sessions/large-cookie
  req.session.seen = Date.now()
  res.end()
})
