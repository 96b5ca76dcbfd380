const express = require('express')
const cookieSession = require('cookie-session')
const app = express()
app.use(cookieSession({ keys: [process.env.KEY], secure: false, sameSite: true })) // want: cookies/default-name cookies/secure
app.get('/', (req, res) => res.send('home'))
