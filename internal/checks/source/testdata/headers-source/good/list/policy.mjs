export const policy = {
  useDefaults: true,
  directives: { scriptSrc: ["'self'", (req, res) => `'nonce-${res.locals.nonce}'`, "'unsafe-inline'"] }
}
