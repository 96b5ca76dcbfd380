const express = require('express')
const app = express()
app.get('/', async (req, res) => {
  try {
    res.send(await work())
  } catch (problem) {
    const { stack } = problem
    res.status(500).json({ message: 'failed', stack }) // want: errors/stack-trace
  }
})
app.get('/callback', (req, res) => {
  db.find({}, (err, all) => {
    if (err) return res.send(`<pre>${err.stack}</pre>`) // want: errors/stack-trace
    res.json(all)
  })
})
app.use((failure, req, res, next) => {
  const body = { error: failure.message }
  if (process.env.NODE_ENV === 'production') body.trace = failure.stack.split('\n')
  res.status(500)
  res.send(body) // want: errors/stack-trace
})
