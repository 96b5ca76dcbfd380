const express = require('express')
const app = express()
app.use(function guard (req, res, next) {
  res.setHeader('content-security-policy', "default-src 'self'")
  res.set({ 'X-Content-Type-Options': 'nosniff', 'X-Frame-Options': 'DENY' })
  res.header('Strict-Transport-Security', 'max-age=31536000').header('Referrer-Policy', 'no-referrer')
  next()
})
app.get('/', (req, res) => res.send('home'))
