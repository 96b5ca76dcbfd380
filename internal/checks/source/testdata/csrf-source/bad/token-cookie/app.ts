import express, { Request, Response, NextFunction } from 'express'
import cookieParser from 'cookie-parser'
import jwt from 'jsonwebtoken'

const app = express()
app.use(express.json())
app.use(cookieParser())
app.post('/login', (req: Request, res: Response) => {
  res.cookie('access_token', jwt.sign({ id: 7 }, key()), { httpOnly: true, secure: true, sameSite: 'strict' })
  res.json({ ok: true })
})
const user = (req: Request, res: Response, next: NextFunction): void => {
  const token = req.cookies.access_token ?? req.headers.authorization?.split(' ')[1]
  if (!token) { res.sendStatus(401); return }
  next()
}
app.post('/orders', user, (req: Request, res: Response) => { res.json({}) }) // want: csrf/missing
app.get('/orders/:id/delete', user, (req: Request, res: Response) => { res.json({}) }) // want: csrf/state-change-on-get
