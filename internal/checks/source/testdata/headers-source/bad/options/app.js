import express from 'express'
import helmet from 'helmet'
const app = express()
app.use(helmet({
  contentSecurityPolicy: false, // want: headers/csp-absent
  frameguard: false, // want: headers/framing
  noSniff: false, // want: headers/nosniff
  hsts: { maxAge: 0 }, // want: headers/hsts-absent
  referrerPolicy: { policy: ['no-referrer', 'unsafe-url'] } // want: headers/referrer-unsafe
}))
app.get('/', (req, res) => res.send('home'))
