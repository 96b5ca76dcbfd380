module.exports = app => { app.get('/two', (req, res) => res.end()) }
