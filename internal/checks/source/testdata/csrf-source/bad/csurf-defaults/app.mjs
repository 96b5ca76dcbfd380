import express from 'express'
import session from 'express-session'
import csurf from 'csurf'
import lusca from 'lusca'
import methodOverride from 'method-override'
const app = express()
app.use(session({ secret: process.env.SECRET }))
app.use('/a', csurf({ cookie: true })) // want: csrf/deprecated-package csrf/csurf-cookie csrf/before-method-override
app.use('/b', lusca.csrf()) // want: csrf/deprecated-package csrf/before-method-override
app.use('/c', lusca({ csrf: true, xframe: 'DENY' })) // want: csrf/deprecated-package csrf/before-method-override
app.use('/d', lusca({ xframe: 'DENY' }))
app.use(methodOverride('_method', { methods: null })) // want: csrf/method-override-get
app.post('/a/x', (req, res) => res.end())
app.post('/b/x', (req, res) => res.end())
app.post('/c/x', (req, res) => res.end())
app.post('/d/x', (req, res) => res.end()) // want: csrf/missing
