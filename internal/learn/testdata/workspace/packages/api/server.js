const app = require('express')()
app.post('/sessions', (req, res) => res.json({}))
app.listen(4100)
