const { home, ...pages } = require('../controllers/pages')
const wrap = fn => (req, res, next) => Promise.resolve(fn(req, res, next)).catch(next)

module.exports = app => {
  app.get('/', home)
  app.get('/help', wrap(pages.help))
}
