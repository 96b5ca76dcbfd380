// A store that keeps sessions in one file: enough for a test, and no memory store.
const fs = require('fs')
const os = require('os')
const path = require('path')

module.exports = (session) => {
  const file = path.join(os.tmpdir(), 'corpus-' + process.pid + '.json')
  const read = () => {
    try {
      return JSON.parse(fs.readFileSync(file))
    } catch {
      return {}
    }
  }
  class FileStore extends session.Store {
    get(id, done) { done(null, read()[id]) }
    set(id, value, done) {
      fs.writeFileSync(file, JSON.stringify({ ...read(), [id]: value }))
      done(null)
    }
    destroy(id, done) {
      const all = read()
      delete all[id]
      fs.writeFileSync(file, JSON.stringify(all))
      done(null)
    }
  }
  process.on('exit', () => fs.rmSync(file, { force: true }))
  return new FileStore()
}
