module.exports = app => { app.get('/skipped', (req, res) => res.end()) }
