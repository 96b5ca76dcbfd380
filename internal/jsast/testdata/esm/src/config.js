export const port = Number(process.env.PORT) || 3000
export const prefixes = { api: '/api', admin: '/admin' }
export default { prefixes }
