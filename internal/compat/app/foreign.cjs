// The sites that are not behind the door, on plain HTTP and other host names: an
// identity provider (OAuth code flow, SAML-like form post), a partner's pages, and whoever
// means no good. Prints {"port": N} when it listens and ends with its stdin.
'use strict'
const crypto = require('node:crypto')
const express = require('express')

const page = (title, body) => `<!doctype html><meta charset="utf-8"><title>${title}</title>${body}`
const escaped = (s) => String(s ?? '').replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)
const form = express.urlencoded({ extended: false })
const app = express()
const codes = new Map()

// The person agrees with a click, so that the way back is a navigation from this site.
app.get('/authorize', (req, res) => {
  if (req.query.client_id !== 'app' || req.query.response_type !== 'code') return res.status(400).send('client')
  res.send(page('Provider', `<form method="post" action="/consent">
    <input type="hidden" name="back" value="${escaped(req.query.redirect_uri)}">
    <input type="hidden" name="state" value="${escaped(req.query.state)}"><button id="agree">Agree</button></form>`))
})
app.post('/consent', form, (req, res) => {
  const code = crypto.randomUUID()
  codes.set(code, req.body.back)
  res.redirect(`${req.body.back}?code=${code}&state=${encodeURIComponent(req.body.state)}`)
})
app.post('/token', form, (req, res) => {
  if (codes.get(req.body.code) !== req.body.redirect_uri || req.body.client_secret !== 'hush') return res.status(400).json({ error: 'invalid_grant' })
  codes.delete(req.body.code)
  res.json({ access_token: 'a-token', token_type: 'Bearer' })
})

app.get('/saml', (req, res) => {
  const told = Buffer.from('<Response><NameID>edsger</NameID></Response>').toString('base64')
  res.send(page('Provider', `<form method="post" action="${escaped(req.query.acs)}"><input type="hidden" name="SAMLResponse" value="${told}">
    <input type="hidden" name="RelayState" value="${escaped(req.query.relay)}"></form><script>document.forms[0].submit()</script>`))
})

app.get('/spa', (req, res) => res.send(page('Partner', '')))
app.get('/embed', (req, res) => res.send(page('Embed', `<iframe id="inner" src="${escaped(req.query.src)}"></iframe>`)))

// Sends what it gets on to whom it pleases, body and method as they are.
app.all('/bounce', (req, res) => res.redirect(307, req.query.to))

const server = app.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.stdin.on('close', () => process.exit()).resume()
