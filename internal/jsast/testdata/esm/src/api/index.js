import { Router } from 'express'
import orders from './orders.js'
import * as users from './users.js'

export const api = Router()
const v1 = Router()
v1.use('/orders', orders)
v1.use('/users/:userId', users.router)
api.use('/v1', v1)
api.use('/v2', v1)
