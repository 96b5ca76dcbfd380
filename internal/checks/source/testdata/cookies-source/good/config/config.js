const shared = { name: 'sid', secret: [process.env.SECRET, process.env.OLD_SECRET].filter(Boolean) }
module.exports = {
  development: { session: { ...shared, secret: 'keyboard cat', cookie: { secure: false } } },
  production: { session: { ...shared, cookie: { secure: process.env.NODE_ENV === 'production', sameSite: 'strict' } } }
}
