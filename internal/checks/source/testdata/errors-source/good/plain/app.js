const express = require('express')
const app = express()
app.get('/', (req, res) => res.send('home'))
app.use((req, res) => res.status(404).send('nothing here'))
app.use((err, req, res, next) => {
  console.error(err.stack)
  res.status(500).send('something broke')
})
