import express from 'express'
import helmet from 'helmet'
import compression from 'compression'
import { policy } from './policy.mjs'
import routes from './routes.mjs'

const middleware = [compression(), helmet({ contentSecurityPolicy: policy, ...policy.more })]
const app = express()
app.use(middleware)
app.use('/api', routes)
