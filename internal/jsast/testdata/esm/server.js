import { createApp } from './src/app.js'
import { port } from './src/config.js'

export default createApp()

if (process.env.LISTEN) createApp().listen(port, '127.0.0.1')
