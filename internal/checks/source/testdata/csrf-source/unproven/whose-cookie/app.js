const app = require('express')()
app.post('/login', (req, res) => { res.cookie('token', '…'); res.end() })
app.post('/items', (req, res) => res.end())
