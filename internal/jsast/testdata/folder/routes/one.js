module.exports = app => { app.get('/one', (req, res) => res.end()) }
