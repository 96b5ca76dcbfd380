const Koa = require('koa')

const app = new Koa()
app.keys = ['secret']
app.use(async (ctx) => {
  if (ctx.path === '/boom') ctx.throw(500, 'no')
  if (ctx.path !== '/') return
  ctx.cookies.set('koa.sess', 'b64json', { signed: true, httpOnly: false })
  ctx.body = '<!doctype html><title>Koa</title><script src="http://cdn.example/x.js"></script><img src="http://img.example/x.png"><a href="/boom">Broken</a>'
})

app.listen(3000)
