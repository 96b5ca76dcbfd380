// An Express app made of packages with known holes, each at a route of its own. What an
// attack has reached is told at /reached. It is for loopback, behind the door, in a test.
'use strict'
const fs = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')
const express = require('express')
const _ = require('lodash')

const reached = global.reached = {}
// An error that nobody catches ends a server: that is the hole.
process.on('uncaughtException', (err) => { reached.crash = String(err.message) })
// polluted tells whether a property came to every object, and takes it away again.
function polluted (name) {
  const is = {}[name] !== undefined
  delete Object.prototype[name]
  if (is) reached[name] = true
}

const views = fs.mkdtempSync(path.join(os.tmpdir(), 'holes-'))
fs.writeFileSync(path.join(views, 'page.ejs'), 'hello <%= locals.name %>')
fs.writeFileSync(path.join(views, 'page.handlebars'), 'hello')
fs.writeFileSync(path.join(views, 'main.handlebars'), '{{{body}}}')
fs.writeFileSync(path.join(views, 'secret.txt'), 'the secret of the server')
const app = express()
app.set('views', views)
app.engine('handlebars', require('express-handlebars')({ layoutsDir: views, defaultLayout: 'main' }))
app.set('view engine', 'ejs')

app.get('/reached', (req, res) => { res.json(reached); for (const k of Object.keys(reached)) delete reached[k] })
app.get('/qs', (req, res) => { if (req.query.a && Array.isArray(Object.getPrototypeOf(req.query.a))) reached.qs = true; res.send('ok') })
app.get('/go', (req, res) => { if (/\\/.test(req.query.next)) reached.redirect = true; res.redirect(req.query.next) })
app.get('/ejs', (req, res) => res.render('page', req.query))
app.get('/handlebars', (req, res) => res.render('page.handlebars', req.query, (err, text) => {
  if (/the secret/.test(text)) reached.layout = true
  res.send(err ? 'error' : 'ok')
}))
app.get('/squirrelly', (req, res) => {
  try { require('squirrelly').render('hello {{it.name}}', { name: 'x' }, { ...require('squirrelly').defaultConfig, ...req.query }) } catch {}
  res.send('ok')
})
app.post('/form', express.urlencoded({ extended: true }), (req, res) => {
  let depth = 0
  for (let v = req.body; v && typeof v === 'object'; v = Object.values(v)[0]) depth++
  if (depth > 100) reached.depth = true
  res.send('ok')
})
app.post('/merge', express.json(), (req, res) => { _.defaultsDeep({}, req.body); polluted('lodash'); res.send('ok') })
app.post('/set', express.json(), (req, res) => { try { require('set-value')({}, req.body.path, 1) } catch {} polluted('set'); res.send('ok') })
app.post('/unserialize', express.json(), (req, res) => { try { require('node-serialize').unserialize(req.body.data) } catch {} res.send('ok') })
app.post('/files', require('express-fileupload')({ parseNested: true }), (req, res) => { polluted('upload'); res.send('ok') })
app.post('/multer', require('multer')({ storage: require('multer').memoryStorage() }).any(), (req, res) => res.send('ok'))
app.use((err, req, res, next) => res.status(400).send(String(err.message)))

const server = http.createServer(app)
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.stdin.resume().on('end', () => { fs.rmSync(views, { recursive: true, force: true }); process.exit() })
