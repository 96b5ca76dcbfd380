const app = require('express')()
app.use(require('express-session')(require('config').get('session')))
app.get('/', (req, res) => res.send('home'))
