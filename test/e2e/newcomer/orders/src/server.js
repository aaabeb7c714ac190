// A small shop in the style of many: Express, CommonJS, configuration by dotenv-like variables, graceful end.
const express = require('express')

const app = express()
const orders = [{ id: 1, item: 'lamp' }]

app.disable('x-powered-by')
app.use(express.json())
app.get('/healthz', (req, res) => {
  if (process.env.ORDERS_KEY === undefined) return res.status(503).json({ status: 'no key' })
  res.json({ status: 'ok' })
})
app.get('/orders', (req, res) => res.json(orders))

const server = app.listen(Number(process.env.PORT ?? 3000))
process.on('SIGTERM', () => server.close(() => process.exit(0)))
