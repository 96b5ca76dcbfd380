import express, { type Request, type Response } from 'express'
import session from 'express-session'

interface Login { login: string; password: string }

const app = express()
app.set('trust proxy', 'loopback')
app.use(session({ secret: process.env.SECRET as string, cookie: { secure: true } }))
app.post('/api/login', (req: Request<{}, {}, Login>, res: Response): void => {
  const body: Login = req.body
  res.json({ user: body.login })
})
app.listen({ port: 3100, host: '0.0.0.0' })
