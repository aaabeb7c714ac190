import { afterEach, describe, expect, test } from '@jest/globals'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { openHttp, type HttpRequest } from '../../../shared/integrations/http/http.ts'

const running: { close(): void }[] = []

afterEach(() => {
  for (const each of running.splice(0)) each.close()
})

async function serve(listener: RequestListener): Promise<string> {
  return listen(createServer(listener))
}

async function serveBytes(onConnection: (socket: Socket) => void): Promise<string> {
  const server = createTcpServer(socket => {
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  return listen(server)
}

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  running.push({
    close: () => {
      server.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
    },
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function ask(url: string, rest: Partial<HttpRequest> = {}) {
  const http = openHttp('fresh')
  try {
    return await http.request({ url, timeoutMs: 2_000, ...rest })
  } finally {
    http.close()
  }
}

describe('an answer', () => {
  test('has status, headers, body and times', async () => {
    const url = await serve((_, response) => {
      response.writeHead(503, { 'X-One': ['a', 'b'] }).end('{"ok":false}')
    })
    const { status, headers, body, truncated, timings } = await ask(`${url}/x`)
    expect({ status, one: headers['x-one'], body, truncated }).toEqual({
      status: 503,
      one: 'a, b',
      body: '{"ok":false}',
      truncated: false,
    })
    expect(timings.total).toBeGreaterThanOrEqual(timings.firstByte)
    expect(timings.connect).toBeGreaterThan(0)
    expect(timings.tls).toBe(0)
  })

  test('takes method, headers and body along', async () => {
    const url = await serve((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => {
        response.end([request.method, request.headers['x-one'], text].join(' '))
      })
    })
    const { body } = await ask(url, { method: 'POST', headers: { 'x-one': '1' }, body: 'größe' })
    expect(body).toBe('POST 1 größe')
  })

  test('that is compressed is unpacked, within the bound', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(5_000_000)))
    })
    const { body, truncated } = await ask(url, { maxBytes: 1_000 })
    expect({ length: body.length, truncated }).toEqual({ length: 1_000, truncated: true })
    expect((await ask(url, { maxBytes: 6_000_000 })).body).toHaveLength(5_000_000)
  })

  test('without an end is cut at its bound', async () => {
    const url = await serve((_, response) => {
      const more = () => {
        while (response.write('x'.repeat(10_000)));
      }
      response.on('drain', more)
      more()
    })
    const { body, truncated } = await ask(url, { maxBytes: 50_000 })
    expect({ length: body.length, truncated }).toEqual({ length: 50_000, truncated: true })
  })
})

describe('no answer is a fault of a kind', () => {
  test('refused', async () => {
    const url = await serve(() => undefined)
    for (const each of running.splice(0)) each.close()
    await expect(ask(url)).rejects.toMatchObject({ kind: 'refused', tool: 'HTTP' })
  })

  test('timeout: nothing comes, or too slowly', async () => {
    const silent = await serve(() => undefined)
    await expect(ask(silent, { timeoutMs: 50 })).rejects.toMatchObject({ kind: 'timeout' })
    const slow = await serve((_, response) => {
      response.write('half')
    })
    await expect(ask(slow, { timeoutMs: 50 })).rejects.toMatchObject({ kind: 'timeout' })
  })

  test('reset: the connection ends before the answer does', async () => {
    const silent = await serveBytes(socket => socket.once('data', () => socket.destroy()))
    await expect(ask(silent)).rejects.toMatchObject({ kind: 'reset' })
    const half = await serveBytes(socket =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')),
    )
    await expect(ask(half)).rejects.toMatchObject({ kind: 'reset' })
  })

  test('protocol: it is not HTTP, or not what its encoding says', async () => {
    const ssh = await serveBytes(socket => socket.end('SSH-2.0-OpenSSH_9.2\r\n'))
    await expect(ask(ssh)).rejects.toMatchObject({ kind: 'protocol' })
    const broken = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip')
    })
    await expect(ask(broken)).rejects.toMatchObject({ kind: 'protocol' })
  })

  test('tls: plain HTTP answers where TLS is expected', async () => {
    const url = await serve((_, response) => void response.end())
    await expect(ask(url.replace('http:', 'https:'))).rejects.toMatchObject({ kind: 'tls' })
  })

  test('name', async () => {
    await expect(ask('http://no-such-host.invalid/')).rejects.toMatchObject({ kind: 'name' })
  })

  test('its message shows no query and no password', async () => {
    const url = await serve(() => undefined)
    const secret = `${url.replace('//', '//me:hidden@')}/x?token=hidden`
    await expect(ask(secret, { timeoutMs: 30 })).rejects.toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hidden') }),
    )
  })
})

test('an aborted signal is the reason, not a fault', async () => {
  const controller = new AbortController()
  const url = await serve(() => controller.abort(new Error('enough')))
  await expect(ask(url, { signal: controller.signal })).rejects.toThrow('enough')
  await expect(ask(url, { signal: controller.signal })).rejects.toThrow('enough')
})

describe('redirects', () => {
  const headers = {
    authorization: 'Bearer hidden',
    cookie: 'hidden',
    'x-api-key': 'hidden',
    accept: 'text/plain',
  }
  const echo: RequestListener = (request, response) =>
    void response.end(JSON.stringify({ method: request.method, headers: request.headers }))

  test('are the answer unless hops are allowed', async () => {
    const url = await serve((_, response) => void response.writeHead(302, { location: '/y' }).end())
    expect((await ask(url)).status).toBe(302)
  })

  test('are followed within the origin with everything', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/y') echo(request, response)
      else response.writeHead(302, { location: '/y' }).end()
    })
    const answer = await ask(`${url}/x`, { hops: 1, headers })
    expect(answer.url).toBe(`${url}/y`)
    expect(JSON.parse(answer.body)).toMatchObject({ headers: { authorization: 'Bearer hidden' } })
  })

  test('to another origin take nothing along that may be a credential', async () => {
    const other = await serve(echo)
    const url = await serve((_, response) => void response.writeHead(307, { location: other }).end())
    const { body } = await ask(url, { hops: 1, origins: [other], headers })
    expect(body).not.toContain('hidden')
    expect(JSON.parse(body)).toMatchObject({ headers: { accept: 'text/plain' } })
  })

  test('to another origin are the answer, and no request is sent there, unless the origin is named', async () => {
    const seen: string[] = []
    const other = await serve((request, response) => {
      seen.push(request.url ?? '')
      response.end('other')
    })
    const url = await serve(
      (_, response) => void response.writeHead(302, { location: `${other}/s3cret` }).end(),
    )
    expect(await ask(url, { hops: 3 })).toMatchObject({ status: 302, elsewhere: other })
    expect(seen).toEqual([])
    expect(await ask(url, { hops: 3, origins: [other] })).toMatchObject({ status: 200, body: 'other' })
  })

  test('are followed to https of any origin, and never to http of another machine, where that is asked for', async () => {
    const url = await serve(
      (_, response) => void response.writeHead(307, { location: 'http://192.0.2.1/x' }).end(),
    )
    expect(await ask(url, { hops: 1, origins: 'secure' })).toMatchObject({ elsewhere: 'http://192.0.2.1' })
  })

  test('to another origin never take a body along', async () => {
    const other = await serve(echo)
    const url = await serve((_, response) => void response.writeHead(307, { location: other }).end())
    const post = { method: 'POST', body: 'hidden', hops: 1, origins: [other] }
    await expect(ask(url, post)).rejects.toMatchObject({ kind: 'redirect' })
  })

  test('turn a POST into a GET as browsers do', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/y') echo(request, response)
      else response.writeHead(303, { location: '/y' }).end()
    })
    const { body } = await ask(`${url}/x`, { method: 'POST', body: 'x', hops: 1 })
    expect(JSON.parse(body)).toMatchObject({ method: 'GET' })
  })

  test.each([['/again'], ['file:///etc/passwd'], ['http://[']])('to %s are a fault', async location => {
    const url = await serve((_, response) => void response.writeHead(302, { location }).end())
    await expect(ask(url, { hops: 3 })).rejects.toMatchObject({ kind: 'redirect' })
  })
})

test('a kept connection is used again, and replaced when the other side ended it', async () => {
  let connections = 0
  const url = await serveBytes(socket => {
    connections += 1
    let requests = 0
    socket.on('data', () => {
      requests += 1
      if (requests === 3) socket.destroy()
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    })
  })
  const http = openHttp({ kept: 1 })
  for (let request = 0; request < 3; request += 1) {
    expect((await http.request({ url, timeoutMs: 1_000 })).status).toBe(200)
  }
  http.close()
  expect(connections).toBe(2)
})
