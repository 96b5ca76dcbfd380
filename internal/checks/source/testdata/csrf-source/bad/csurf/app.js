const express = require('express')
const csurf = require('csurf')
const methodOverride = require('method-override')
const app = express()
app.use(require('cookie-session')({ keys: [process.env.KEY], sameSite: 'lax' }))
app.use(csurf({ // want: csrf/deprecated-package csrf/before-method-override
  cookie: { httpOnly: true }, // want: csrf/csurf-cookie
  ignoreMethods: ['GET', 'HEAD', 'OPTIONS', 'POST'] // want: csrf/ignored-methods
}))
app.use(methodOverride('_method', {
  methods: ['GET', 'POST'] // want: csrf/method-override-get
}))
app.post('/transfer', (req, res) => res.redirect('/'))
