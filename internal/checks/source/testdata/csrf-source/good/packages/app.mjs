import express from 'express'
import session from 'express-session'
import methodOverride from 'method-override'
import { doubleCsrf } from 'csrf-csrf'
import { csrfSync } from 'csrf-sync'
const app = express()
app.use(session({ secret: process.env.SECRET }))
app.use(methodOverride('_method'))
const { doubleCsrfProtection } = doubleCsrf({
  getSecret: () => process.env.CSRF_SECRET,
  getSessionIdentifier: (req) => req.session.id,
  ignoredMethods: ['GET', 'HEAD', 'OPTIONS']
})
const { csrfSynchronisedProtection } = csrfSync()
const forms = [express.urlencoded({ extended: false }), csrfSynchronisedProtection]
app.use('/api', doubleCsrfProtection)
app.post('/api/items', (req, res) => res.json({}))
app.post('/form', forms, (req, res) => res.end())
app.route('/items/:id').all(csrfSynchronisedProtection).put((req, res) => res.end())
