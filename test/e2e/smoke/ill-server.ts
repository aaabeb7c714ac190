import { createServer, type AddressInfo, type Socket } from 'node:net'
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib'

/** A server that speaks bytes, and says at each path something else that no service should. */
export interface IllServer {
  url: string
  /** The heads of the requests that came, whole. */
  heads: string[]
  close(): Promise<void>
}

type Illness = (socket: Socket, request: number) => void

/** @param leaveTo where `/leave` and `/leave-with-body` redirect to */
export async function startIllServer(leaveTo: string): Promise<IllServer> {
  const illnesses = illnessesOf(leaveTo)
  const sockets = new Set<Socket>()
  const heads: string[] = []
  // Half-open connections stay so until the test ends them.
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    let asked = ''
    let requests = 0
    socket.on('data', (bytes: Buffer) => {
      asked += bytes.toString('latin1')
      const end = asked.indexOf('\r\n\r\n')
      if (end < 0) return
      heads.push(asked.slice(0, end))
      const path = asked.split(' ')[1] ?? ''
      asked = ''
      requests += 1
      const ill = illnesses[path]
      if (ill) ill(socket, requests)
      else socket.write(answer('{"ok":true}'))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heads,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}

function answer(body: string | Buffer, headers: Record<string, string> = {}, status = '200 OK'): Buffer {
  const lines = Object.entries({ 'content-length': String(Buffer.byteLength(body)), ...headers })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${head}\r\n`), Buffer.from(body)])
}

function illnessesOf(leaveTo: string): Record<string, Illness> {
  const zeros = Buffer.alloc(2 ** 26)
  const packed = (encoding: string, bytes: Buffer): Illness => {
    return socket => socket.write(answer(bytes, { 'content-encoding': encoding }))
  }
  const gzipped = gzipSync(zeros)
  const redirect = (location: string, status: string): Illness => {
    return socket => socket.write(answer('', { location }, status))
  }
  return {
    '/silent': () => undefined,
    '/drip-head': socket => {
      socket.write('HTTP/1.1 200 OK\r\nx: ')
      every(socket, 20, () => socket.write('x'))
    },
    '/drip-body': socket => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n')
      every(socket, 20, () => socket.write('x'))
    },
    '/huge': socket => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4294967296\r\n\r\n')
      flood(socket, zeros.subarray(0, 2 ** 16))
    },
    '/endless': socket => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      flood(socket, Buffer.from(`400\r\n${'x'.repeat(1_024)}\r\n`))
    },
    '/endless-head': socket => {
      socket.write('HTTP/1.1 200 OK\r\n')
      flood(socket, Buffer.from('x: y\r\n'.repeat(100)))
    },
    '/endless-hints': socket =>
      flood(socket, Buffer.from('HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'.repeat(100))),
    '/loop': redirect('/loop', '302 Found'),
    '/leave': redirect(leaveTo, '302 Found'),
    '/leave-with-body': redirect(leaveTo, '307 Temporary Redirect'),
    // Each a quarter of a GiB or more once it is unpacked.
    '/gzip-bomb': packed('gzip', Buffer.concat([gzipped, gzipped, gzipped, gzipped])),
    '/br-bomb': packed('br', brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } })),
    '/zstd-bomb': packed('zstd', zstdCompressSync(zeros)),
    '/zstd-window': packed('zstd', zstdCompressSync(zeros, { params: { [constants.ZSTD_c_windowLog]: 27 } })),
    '/bomb-in-bomb': packed('gzip, gzip', gzipSync(gzipped)),
    '/half-closed': socket => socket.end(),
    '/half-body': socket => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'),
    '/ssh': socket => socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
    '/every-third-ends': (socket, request) => {
      if (request % 3 === 0) socket.end()
      else socket.write(answer('{}'))
    },
    '/closes': socket => socket.end(answer('{}', { connection: 'close' })),
  }
}

function every(socket: Socket, ms: number, act: () => void): void {
  const timer = setInterval(act, ms)
  socket.on('close', () => clearInterval(timer))
}

function flood(socket: Socket, bytes: Buffer): void {
  const more = () => {
    while (!socket.destroyed && socket.write(bytes));
  }
  socket.on('drain', more)
  more()
}
