const app = require('fastify')()

app.get('/', async (request, reply) => {
  reply.type('text/html')
  return '<!doctype html><title>API</title><a href="/users/1">A user</a> <a href="/boom">Broken</a>'
})
app.get('/users/:id', async (request) => ({ id: request.params.id }))
app.get('/boom', async () => {
  throw new Error('connect ECONNREFUSED 10.0.0.5:5432')
})
app.setErrorHandler((err, request, reply) => {
  reply.code(err.statusCode || 500).send({ error: err.message, stack: err.stack })
})

app.listen({ port: 3000 })
