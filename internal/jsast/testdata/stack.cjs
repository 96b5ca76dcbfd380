'use strict'
// Prints the routes that the real Express made of the app in argv[2], one a line, by
// noting what its routers are given.
const path = require('node:path')
const http = require('node:http')
const { pathToFileURL } = require('node:url')
const { createRequire } = require('node:module')

const entry = path.resolve(process.argv[2])
const local = createRequire(entry)
const express = local('express')
const router = createRequire(local.resolve('express'))('router')
http.Server.prototype.listen = function () { return this }

const apps = new Set()
for (const proto of [router.prototype, express.application]) {
  const use = proto.use
  proto.use = function (first, ...rest) {
    const target = this.router || this
    const before = target.stack.length
    const list = [first, ...rest].flat(Infinity)
    const paths = typeof list[0] === 'function' ? ['/'] : [first].flat(Infinity)
    const handlers = list.filter(f => typeof f === 'function')
    const out = use.call(this, first, ...rest)
    target.stack.slice(before).forEach((layer, i) => {
      layer.paths = paths
      // An app is mounted in a wrapper, so the app's own use knows best what it was.
      layer.real = handlers[i]
    })
    if (this.router) apps.add(this)
    handlers.filter(f => f.router).forEach(f => { f.mountedHere = true; apps.add(f) })
    return out
  }
}
const route = express.application.route
express.application.route = function (...args) { apps.add(this); return route.apply(this, args) }

const join = (prefix, p) => {
  prefix = prefix.replace(/\/$/, '')
  return p === '' || p === '/' ? prefix || '/' : prefix + (p.startsWith('/') ? p : '/' + p)
}

const lines = new Set()
function walk (stack, prefix) {
  for (const layer of stack) {
    if (layer.route) {
      for (const p of [layer.route.path].flat()) {
        if (typeof p !== 'string') continue
        // app.all registers one handler for every method that node knows.
        const methods = layer.route.stack.map(l => (l.method || 'all').toUpperCase())
        for (const m of methods.length > 20 ? ['ALL'] : methods) lines.add(`${m} ${join(prefix, p)}`)
      }
      continue
    }
    const real = layer.real || layer.handle
    for (const p of layer.paths || ['/']) {
      if (typeof p !== 'string') continue
      if (real.router || real.stack) walk((real.router || real).stack, join(prefix, p))
      else if (real.name === 'serveStatic') lines.add(`STATIC ${join(prefix, p)}`)
      else if (p !== '/' && p !== '') lines.add(`USE ${join(prefix, p)}`)
    }
  }
}

import(pathToFileURL(entry)).then(() => new Promise(resolve => setImmediate(resolve))).then(() => {
  for (const app of apps) if (!app.mountedHere) walk(app.router.stack, '')
  console.log([...lines].join('\n'))
  process.exit(0)
}).catch(err => { console.error(err); process.exit(1) })
