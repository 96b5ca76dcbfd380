const { doubleCsrf } = require('csrf-csrf')
module.exports = doubleCsrf({
  getSecret: () => process.env.CSRF_SECRET,
  getSessionIdentifier: () => '' // want: csrf/constant-session-id
})
