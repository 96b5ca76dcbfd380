module.exports = ({ host }) => (req, res, next) => {
  if (['GET', 'HEAD', 'OPTIONS'].includes(req.method)) return next()
  const site = req.headers['sec-fetch-site']
  if (site === 'same-origin') return next()
  if (!site && new URL(req.get('Origin')).host === host) return next()
  next(Object.assign(new Error('foreign'), { status: 403 }))
}
