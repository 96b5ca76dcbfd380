const Koa = require('koa')

const app = new Koa()
app.silent = true
app.use(async (ctx, next) => {
  ctx.set({
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Content-Security-Policy': "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'",
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
  })
  try {
    await next()
    if (ctx.status === 404) {
      ctx.status = 404
      ctx.body = 'There is nothing here.'
    }
  } catch (err) {
    ctx.status = err.status || 500
    ctx.body = 'That went wrong.'
  }
})
app.use(async (ctx) => {
  if (ctx.path === '/boom') throw new Error('no')
  if (ctx.path !== '/') return
  ctx.body = '<!doctype html><title>Koa</title><a href="/boom">Broken</a>'
})

app.listen(3000)
