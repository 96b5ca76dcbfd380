import express from 'express'
import cookieSession from 'cookie-session'
import { auth } from './auth.mjs'

const port = process.env.PORT ?? 4000
const app = express()
app.use(cookieSession({ keys: [process.env.KEY] }))
app.use('/auth', auth)
app.listen(port, () => console.log(port))
