const express = require('express')
const app = express() // want: errors/default-page
app.get('/', (req, res) => res.send('home'))
app.use((req, res) => res.status(404).send('nothing here'))
