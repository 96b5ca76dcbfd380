const app = require('fastify')()

app.addHook('onSend', async (request, reply) => {
  reply.header('X-Content-Type-Options', 'nosniff')
  reply.header('Referrer-Policy', 'no-referrer')
  reply.header('Content-Security-Policy', "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
  reply.header('Cross-Origin-Opener-Policy', 'same-origin')
  reply.header('Cross-Origin-Resource-Policy', 'same-origin')
})
app.get('/', async (request, reply) => {
  reply.type('text/html')
  return '<!doctype html><title>API</title><a href="/users/1">A user</a> <a href="/boom">Broken</a>'
})
app.get('/users/:id', async (request) => ({ id: request.params.id }))
app.get('/boom', async () => {
  throw new Error('connect ECONNREFUSED 10.0.0.5:5432')
})
app.setNotFoundHandler((request, reply) => reply.code(404).send({ message: 'nothing here' }))
app.setErrorHandler((err, request, reply) => {
  reply.code(err.statusCode || 500).send({ message: 'that went wrong' })
})

app.listen({ port: 3000 })
