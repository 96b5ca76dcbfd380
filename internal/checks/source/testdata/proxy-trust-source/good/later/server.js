const app = require('./app')
connect().then(() => {
  const host = process.env.NODE_ENV === 'production' ? '127.0.0.1' : undefined
  app.listen(3000, host, () => {})
})
