import { connect } from 'node:net'

// The least that a load of Node can be: connections that write the same request when the answer to the last is there, and
// look at nothing of it. Of the load bench, in a process of its own: PORT CONNECTIONS REQUESTS; prints requests a second.

const [port = 0, connections = 1, requests = 1] = process.argv.slice(2).map(Number)
const bytes = Buffer.from(`GET / HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`)
const start = performance.now()
let [started, answered] = [0, 0]

for (let index = 0; index < connections; index += 1) {
  const buffer = Buffer.allocUnsafeSlow(16 * 1024)
  const next = () => {
    if (started === requests) return
    started += 1
    socket.write(bytes)
  }
  const callback = () => {
    answered += 1
    if (answered === requests) {
      console.log((requests * 1_000) / (performance.now() - start))
      process.exit(0)
    }
    next()
    return true
  }
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, onread: { buffer, callback } })
  socket.on('connect', next)
}
