import { createServer, type AddressInfo, type Socket } from 'node:net'

// The endpoint of the load bench, in a process of its own. It answers any request on `/` at once, with as little work as
// that takes, so that the clients are what is measured; on `/slow` after a time that only depends on how many came before.
// Prints its port.

const body = '{"pong":true}\n'
const answers = {
  kept: answer('HTTP/1.1 200 OK', 'content-type: application/json'),
  kept10: answer('HTTP/1.0 200 OK', 'content-type: application/json\r\nconnection: keep-alive'),
  closed: answer('HTTP/1.0 200 OK', 'content-type: application/json\r\nconnection: close'),
}

function answer(status: string, headers: string): Buffer {
  return Buffer.from(`${status}\r\n${headers}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
}

/** Exponential, 12 ms on average and 90 ms at most, spread evenly (multiples of the golden ratio, modulo 1). */
let slow = 0
function nextDelayMs(): number {
  slow += 1
  return 2 + Math.min(88, -10 * Math.log(1 - ((slow * 0.618_033_988_749_895) % 1)))
}

const server = createServer({ noDelay: true }, socket => {
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes: Buffer) => {
    const request = bytes.toString('latin1')
    if (request.startsWith('GET /slow ')) setTimeout(() => socket.write(answers.kept), nextDelayMs())
    else if (request.includes(' HTTP/1.1\r\n')) socket.write(answers.kept)
    else answerAsAb(socket, request)
  })
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))

/** ab speaks HTTP/1.0, and keeps a connection only when it was told to. */
function answerAsAb(socket: Socket, request: string): void {
  if (/^connection: keep-alive/im.test(request)) socket.write(answers.kept10)
  else socket.end(answers.closed)
}
