import express, {Router} from 'express'
import morgan from 'morgan'
import session from 'express-session'

const app = express()
const api = Router()

app.use(morgan('combined'))
app.use(session({secret: 's', resave: false, saveUninitialized: false}))
app.use(express.json())

api.get('/items/:id?', (req, res) => { // want ? in a path
  const {id} = req.params
  res.json({id})
})
api.get('/(a|b)+c', (req, res) => res.send('x')) // want an expression in a path
api.get(/^\/re(gular)?$/, (req, res) => res.send('x'))
api.get('/n/:n(\\d+)', (req, res) => res.sendStatus(204)) // want an expression in a path
api.delete('/items/:id', (req, res) => {
  res.status(403).json({error: 'no'})
  res.vary() // want res.vary()
})
app.use('/api/*', api) // want * without a name in a path

const client = {param: () => 1, sendfile: () => 2, configure: () => 3}
client.param('x')
client.sendfile('x')
client.configure()

app.get('/ok', async (req, res) => {
  const query = req.query.q
  res.location('back') // want res.location('back')
  res.send(String(query))
})

app.listen(3000)
