module.exports = {
  apps: [{
    script: 'app.js',
    env: { NODE_ENV: 'development' } // want: errors/development
  }]
}
