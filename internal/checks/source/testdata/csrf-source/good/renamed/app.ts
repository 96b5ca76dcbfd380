import express from 'express'
import session, { SessionOptions } from 'express-session'
import asyncHandler from 'express-async-handler'
import { csrfProtection } from './csrf.js'
const options: SessionOptions = { secret: process.env.S!, cookie: { sameSite: 'lax' } }
const app = express()
app.use(session(options))
const admin = express.Router()
admin.use(csrfProtection)
admin.post('/users/:id/ban', asyncHandler(async (req, res) => { res.end() }))
const site = express.Router()
site.use('/admin', admin)
app.use(site)
export default app
