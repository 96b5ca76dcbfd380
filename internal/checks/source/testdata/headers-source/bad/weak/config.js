exports.csp = {
  reportOnly: true, // want: headers/csp-absent
  directives: {
    'script-src': ["'self'", "'unsafe-inline'", "'unsafe-eval'"] // want: headers/csp-script headers/csp-eval
  }
}
