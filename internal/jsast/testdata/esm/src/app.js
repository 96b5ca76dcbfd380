import express, { Router } from 'express'
import { api } from './api/index.js'
import admin, { ADMIN_HOME } from './admin.js'
import { prefixes } from './config.js'

export function createApp () {
  const app = express()
  app.disable('x-powered-by')
  app.use(express.json(), express.urlencoded({ extended: true }))
  const health = Router()
  health.get('/healthz', (req, res) => res.send('ok'))
  app.use(health)
  app.use(prefixes.api, api)
  app.use(prefixes.admin, guard, admin)
  app.get(ADMIN_HOME, (req, res) => res.end())
  return app
}

function guard (req, res, next) {
  if (!req.headers.authorization) return res.sendStatus(401)
  next()
}
