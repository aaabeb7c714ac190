import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createServer, get, type OutgoingHttpHeaders } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { ResponseFramer, type Framed } from '../../../shared/integrations/http/response-framer.ts'

const most = 100_000

/** Feeds the text in pieces that end at these places. */
function frame(text: string, cuts: number[] = [], ended = false): Framed | undefined {
  const framer = new ResponseFramer(most)
  const bytes = Buffer.from(text, 'latin1')
  const places = [
    0,
    ...cuts.filter(cut => cut > 0 && cut < bytes.length).toSorted((a, b) => a - b),
    bytes.length,
  ]
  let framed: Framed | undefined
  for (const [index, to] of places.slice(1).entries()) {
    expect(framed).toBeUndefined()
    framed = framer.read(bytes.subarray(places[index], to))
  }
  return framed ?? (ended ? framer.end() : undefined)
}

const answers: [string, string, Framed][] = [
  ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', { status: 200, keepAlive: true }],
  ['without a body', 'HTTP/1.1 503 Sorry\r\ncontent-length: 0\r\n\r\n', { status: 503, keepAlive: true }],
  [
    '204, whatever its headers say',
    'HTTP/1.1 204 \r\ncontent-length: 9\r\n\r\n',
    { status: 204, keepAlive: true },
  ],
  ['304', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n', { status: 304, keepAlive: true }],
  [
    'in chunks, with extensions and trailers',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0A\r\n0123456789\r\n0\r\nx: y\r\n\r\n',
    { status: 200, keepAlive: true },
  ],
  [
    'after interim ones',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 1\r\n\r\nx',
    { status: 201, keepAlive: true },
  ],
  [
    'that closes',
    'HTTP/1.1 200 OK\r\nConnection: Foo, Close\r\ncontent-length: 0\r\n\r\n',
    { status: 200, keepAlive: false },
  ],
  ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx', { status: 200, keepAlive: false }],
  [
    'of HTTP/1.0 that stays',
    'HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\nx',
    { status: 200, keepAlive: true },
  ],
  ['without a reason', 'HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n', { status: 200, keepAlive: true }],
  [
    'with a length that is said twice',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx',
    { status: 200, keepAlive: true },
  ],
]

describe('an answer', () => {
  test.each(answers)('%s', (_, text, framed) => expect(frame(text)).toEqual(framed))

  test.each(answers)('%s, cut anywhere', (_, text, framed) => {
    for (let cut = 1; cut < text.length; cut += 1) expect(frame(text, [cut])).toEqual(framed)
    const cuts = fc.array(fc.nat(text.length))
    fc.assert(
      fc.property(cuts, each => expect(frame(text, each)).toEqual(framed)),
      { numRuns: 100 },
    )
    expect(
      frame(
        text,
        Array.from(text, (_char, index) => index),
      ),
    ).toEqual(framed)
  })

  test('that ends with its connection', () => {
    const text = 'HTTP/1.1 200 OK\r\n\r\nhello'
    expect(frame(text)).toBeUndefined()
    expect(frame(text, [], true)).toEqual({ status: 200, keepAlive: false })
  })

  test('that is cut short by the end of its connection is none', () => {
    for (const text of ['', 'HTTP/1.1 2', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell'])
      expect(frame(text, [], true)).toBeUndefined()
  })

  test('comes after another on the same connection', () => {
    const framer = new ResponseFramer(most)
    for (const [, text, framed] of answers) {
      expect(framer.read(Buffer.from(text))).toEqual(framed)
      expect(framer.underWay).toBe(false)
    }
  })
})

describe('is refused', () => {
  const headed = (headers: string, body = '') => `HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${body}`
  test.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'not an HTTP answer'],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n', 'not an HTTP answer'],
    ['a status that is none', 'HTTP/1.1 999 OK\r\n\r\n', 'not an HTTP answer'],
    ['two lengths', headed('content-length: 1\r\ncontent-length: 2'), 'its end cannot be told'],
    ['no number for a length', headed('content-length: -1'), 'its end cannot be told'],
    [
      'a length and chunks',
      headed('content-length: 1\r\ntransfer-encoding: chunked'),
      'its end cannot be told',
    ],
    ['another coding', headed('transfer-encoding: gzip, chunked'), 'its end cannot be told'],
    ['a header over two lines', headed('x: a\r\n b'), 'a header over several lines'],
    ['a chunk without a size', headed('transfer-encoding: chunked', 'x\r\n'), 'a chunk without its size'],
    [
      'a chunk that is longer than it says',
      headed('transfer-encoding: chunked', '1\r\nxy\r\n'),
      'a line that is too long',
    ],
    [
      'an endless chunk line',
      headed('transfer-encoding: chunked', '1;'.padEnd(2_000, 'x')),
      'a line that is too long',
    ],
    [
      'endless trailers',
      headed('transfer-encoding: chunked', `0\r\n${'x: y\r\n'.repeat(9_999)}`),
      'trailers of more',
    ],
    ['an endless head', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(9_999)}`, 'a head of more than 16384'],
    ['endless interim answers', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(99), '103 instead of an answer'],
    ['another protocol after all', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', '101 instead of an answer'],
    ['a body over the bound', headed('content-length: 100001'), 'a body of more than 100000 bytes'],
    [
      'chunks over the bound',
      headed('transfer-encoding: chunked', `1869F\r\n${'x'.repeat(99_999)}\r\n2\r\nxy`),
      'a body of more',
    ],
  ])('%s, however it is cut', (_, text, why) => {
    expect(() => frame(text)).toThrow(why)
    const cuts = fc.array(fc.nat(text.length), { maxLength: 5 })
    fc.assert(
      fc.property(cuts, each => expect(() => frame(text, each)).toThrow(why)),
      { numRuns: 30 },
    )
  })
})

test.each([
  ['more than the answer', 'xy'],
  ['a second answer without a request', 'xHTTP/1.1 200 OK'],
])('%s is refused', (_, body) => {
  expect(() => frame(`HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${body}`)).toThrow(
    'more came than the answer',
  )
})

test('what node:http serves is read as node:http reads it', async () => {
  const body = fc.string({ maxLength: 300 })
  const served = fc.record({
    status: fc.constantFrom(200, 201, 204, 304, 404, 500),
    bodies: fc.array(body, { maxLength: 4 }),
    isSized: fc.boolean(),
    isClosing: fc.boolean(),
  })
  let now: { status: number; bodies: string[]; isSized: boolean; isClosing: boolean }
  const server = createServer((_, response) => {
    const bytes = now.bodies.reduce((sum, each) => sum + Buffer.byteLength(each), 0)
    const headers: OutgoingHttpHeaders = now.isSized ? { 'content-length': bytes } : {}
    response.writeHead(now.status, now.isClosing ? { ...headers, connection: 'close' } : headers)
    for (const each of now.bodies) response.write(each)
    response.end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  try {
    await fc.assert(
      fc.asyncProperty(served, async each => {
        now = each
        const theirs = await askNode(port)
        expect(await askFramer(port)).toEqual(theirs)
      }),
      { numRuns: 60 },
    )
  } finally {
    server.close()
    server.closeAllConnections()
  }
})

function askNode(port: number): Promise<Framed> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent: false, headers: { connection: 'keep-alive' } }, response => {
      const { statusCode = 0, headers } = response
      response
        .resume()
        .on('end', () => resolve({ status: statusCode, keepAlive: headers.connection !== 'close' }))
    }).on('error', reject)
  })
}

function askFramer(port: number): Promise<Framed> {
  return new Promise((resolve, reject) => {
    const framer = new ResponseFramer(most)
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'))
    const done = (framed: Framed | undefined) => {
      if (!framed) return
      socket.destroy()
      resolve(framed)
    }
    socket
      .on('data', bytes => done(framer.read(bytes)))
      .on('end', () => done(framer.end()))
      .on('error', reject)
  })
}
