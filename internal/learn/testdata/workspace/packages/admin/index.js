const app = require('express')()
app.get('/', (req, res) => res.render('admin'))
app.listen(4200)
