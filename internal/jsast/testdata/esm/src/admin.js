import express from 'express'
const admin = express()
admin.get('/', (req, res) => res.send('admin'))
admin.post('/reindex', (req, res) => res.end())
export const ADMIN_HOME = '/admin-home'
export { admin as default }
