import { Router } from 'express'

export const auth = Router()
auth.post('/login', async (req, res) => {
  if (await check(req.body.email, req.body.password)) req.session.user = req.body.email
  res.json({ ok: true })
})
auth.delete('/session/logout', (req, res) => { req.session = null; res.json({}) })
