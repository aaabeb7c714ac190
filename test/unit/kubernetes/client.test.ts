import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Clock } from '../../../shared/host/clock.ts'
import { ToolError } from '../../../shared/outcome/errors.ts'
import { ApiError } from '../../../shared/targets/kubernetes/api/api-error.ts'
import { createClient, GoneError, type Client } from '../../../shared/targets/kubernetes/api/client.ts'
import { reflect } from '../../../shared/targets/kubernetes/api/reflector.ts'

/** Waits nothing, and notes how long it would have waited. */
function impatient(slept: number[]): Clock {
  return {
    now: () => 0,
    elapsed: () => 0,
    sleep: (ms, signal) => {
      slept.push(ms)
      signal?.throwIfAborted()
      return Promise.resolve()
    },
  }
}

// An API server that is overloaded, drops connections or forgets its history cannot be had on demand.
type Answer = (request: IncomingMessage, response: ServerResponse) => void
let server: Server
let client: Client
let answers: Answer[]
let asked: string[]
let slept: number[]
let authorized: number
const stop = new AbortController()

beforeEach(async () => {
  ;[answers, asked, slept, authorized] = [[], [], [], 0]
  server = createServer((request, response) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`)
    const answer = answers.shift()
    if (answer) answer(request, response)
    else json(500, { message: 'the test has no answer for this' })(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const connection = {
    server: new URL(`http://127.0.0.1:${port}`),
    agent: {},
    authorize: () => Promise.resolve({ authorization: `Bearer ${++authorized}` }),
  }
  client = createClient(connection, impatient(slept), stop.signal)
})
afterEach(async () => {
  client.close()
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
})

const json =
  (status: number, body: unknown, headers = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, headers).end(JSON.stringify(body))
  }
const cut: Answer = request => request.socket.destroy()
const lines =
  (...events: unknown[]): Answer =>
  (_request, response) => {
    response.writeHead(200)
    response.end(events.map(event => `${JSON.stringify(event)}\n`).join(''))
  }
const pod = (name: string, version: string) => ({ metadata: { name, uid: name, resourceVersion: version } })

test('credentials that cannot be had are told as such, and not asked for again and again', async () => {
  const refused = new ToolError('the plugin failed', { tool: 'kubeconfig', hint: 'Log in.' })
  let tries = 0
  const authorize = () => {
    tries++
    return Promise.reject(refused)
  }
  const lost = createClient(
    { server: new URL(client.server), agent: {}, authorize },
    impatient(slept),
    stop.signal,
  )
  await expect(lost.get('/api/v1/pods/a')).rejects.toBe(refused)
  lost.close()
  expect({ tries, slept, asked }).toEqual({ tries: 1, slept: [], asked: [] })
})

describe('a list', () => {
  const page = (name: string, next: string) =>
    json(200, { metadata: { resourceVersion: '5', continue: next }, items: [pod(name, '1')] })
  const gone = json(410, { message: 'The provided continue parameter is too old' })

  test('is begun again when its continuation is too old, and holds no object twice', async () => {
    answers = [page('a', 'more'), gone, page('a', 'again'), page('b', '')]
    const { items } = await client.list('/pods')
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b'])
    expect(asked).toEqual([
      'GET /pods?limit=500',
      'GET /pods?limit=500&continue=more',
      'GET /pods?limit=500',
      'GET /pods?limit=500&continue=again',
    ])
  })

  test('is asked for without pages when that happens again', async () => {
    answers = [
      page('a', 'x'),
      gone,
      page('a', 'y'),
      gone,
      json(200, { metadata: {}, items: [pod('a', '1')] }),
    ]
    const { items } = await client.list('/pods', { labelSelector: 'app=api' })
    expect(items).toHaveLength(1)
    expect(asked.at(-1)).toBe('GET /pods?labelSelector=app%3Dapi')
  })
})

test("what two machines compare is by the server's clock", async () => {
  expect(client.now()).toBe(0)
  answers = [json(200, pod('a', '1'), { date: 'Thu, 01 Jan 2026 02:00:00 GMT' })]
  await client.get('/x')
  expect(client.now()).toBe(Date.UTC(2026, 0, 1, 2))
})

describe('a read', () => {
  test('is tried again after passing trouble, with the pause that the server asks for', async () => {
    answers = [json(429, {}, { 'retry-after': '2' }), cut, json(503, {}), json(200, pod('a', '1'))]
    expect(await client.get('/x')).toEqual(pod('a', '1'))
    expect(slept).toEqual([2_000, 200, 400])
  })

  test('ends with what the server said, after some attempts', async () => {
    answers = Array.from({ length: 20 }, () => json(503, { message: 'etcd is down' }))
    await expect(client.get('/api/v1/namespaces/n/pods/a')).rejects.toThrow('GET n/pods/a: etcd is down')
    expect(asked).toHaveLength(10)
  })

  test('of what is not there is undefined', async () => {
    answers = [json(404, { message: 'not found' })]
    expect(await client.get('/x')).toBeUndefined()
  })

  test('asks for new credentials once', async () => {
    answers = [json(401, {}), json(200, pod('a', '1'))]
    await client.get('/x')
    expect(authorized).toBe(2)
    answers = [json(401, { message: 'Unauthorized' }), json(401, { message: 'Unauthorized' })]
    await expect(client.get('/x')).rejects.toMatchObject({
      code: 401,
      hint: expect.stringContaining('credentials'),
    })
  })

  test('that may not be done names the verb, the resource and where to allow it', async () => {
    const message =
      'pods is forbidden: User "system:serviceaccount:p:d" cannot list resource "pods" in API group "" in the namespace "p"'
    answers = [json(403, { message, reason: 'Forbidden' })]
    await expect(client.list('/x')).rejects.toMatchObject({
      hint: expect.stringMatching(/verb list on pods to the Role/),
    })
  })

  test('of a long list goes page by page', async () => {
    answers = [
      json(200, { items: [pod('a', '1')], metadata: { resourceVersion: '9', continue: 'more' } }),
      json(200, { items: [pod('b', '2')], metadata: { resourceVersion: '9' } }),
    ]
    expect(await client.list('/x')).toEqual({ items: [pod('a', '1'), pod('b', '2')], resourceVersion: '9' })
    expect(asked[1]).toContain('continue=more')
  })
})

describe('a write', () => {
  test('is not repeated when it may have been carried out', async () => {
    answers = [cut]
    const error = await client.patch('/x', 'apply', {}).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject({ unknown: true, stale: false })
    expect(asked).toHaveLength(1)
  })

  test('is repeated when the server said that it did nothing', async () => {
    answers = [json(429, {}), json(200, pod('a', '1'))]
    await client.patch('/x', 'apply', {})
    expect(asked).toHaveLength(2)
  })

  test('tells a stale object from a field of another manager', async () => {
    answers = [json(409, { reason: 'Conflict' })]
    await expect(client.patch('/x', 'apply', {})).rejects.toMatchObject({ stale: true, conflicts: [] })
    const causes = [
      { reason: 'FieldManagerConflict', message: 'conflict with "helm"', field: '.spec.replicas' },
    ]
    answers = [json(409, { reason: 'Conflict', details: { causes } })]
    await expect(client.patch('/x', 'apply', {})).rejects.toMatchObject({
      stale: false,
      conflicts: [{ field: 'spec.replicas', manager: 'helm' }],
    })
  })
})

describe('a watch', () => {
  test('gives events that come in pieces, and ends with its stream', async () => {
    answers = [
      (_request, response) => {
        const text = `${JSON.stringify({ type: 'ADDED', object: pod('a', '2') })}\n`
        response.write(text.slice(0, 10))
        response.end(`${text.slice(10)}\n`.trimEnd() + '\n')
      },
    ]
    const seen: string[] = []
    for await (const { object } of client.watch('/x', {}, stop.signal)) seen.push(object.metadata.name)
    expect(seen).toEqual(['a'])
  })

  test('that is too old says so', async () => {
    answers = [lines({ type: 'ERROR', object: { code: 410 } })]
    await expect(client.watch('/x', {}, stop.signal).next()).rejects.toThrow(GoneError)
  })

  test('is kept going: listed again when too old, goes on where a stream ended', async () => {
    const settled = new Promise<void>(resolve => {
      answers = [
        json(200, { items: [pod('a', '1')], metadata: { resourceVersion: '5' } }),
        lines({ type: 'DELETED', object: pod('a', '6') }, { type: 'ADDED', object: pod('b', '7') }),
        lines({ type: 'ERROR', object: { code: 410 } }),
        json(200, { items: [pod('c', '8')], metadata: { resourceVersion: '9' } }),
        cut,
        (_request, response) => {
          // Never to be seen: half of a line, and then nothing.
          response.writeHead(200)
          response.end('{"type":"ADDED","object":{"metadata":{"name":"x"')
        },
        lines({ type: 'ADDED', object: pod('d', '10') }),
        json(503, { message: 'etcd has no leader' }),
        json(429, { message: 'too many requests' }),
        json(403, { message: 'the roles are not read yet' }),
        (_request, response) => {
          response.writeHead(200).flushHeaders()
          resolve()
        },
      ]
    })
    const done = new AbortController()
    const kept = new Map<string, string>()
    const reflector = reflect({
      client,
      clock: impatient(slept),
      path: '/pods',
      query: {},
      signal: done.signal,
      trim: item => item.metadata.name,
      sink: { put: name => void kept.set(name, name), drop: uid => void kept.delete(uid) },
      changed: () => undefined,
    })
    await settled.finally(() => done.abort())
    expect([...kept.values()]).toEqual(['c', 'd'])
    const watches = asked.filter(each => each.includes('watch=true'))
    expect(watches.map(each => /resourceVersion=(\d+)/.exec(each)?.[1])).toEqual([
      '5',
      '7',
      '9',
      '9',
      '9',
      '10',
      '10',
      '10',
      '10',
    ])
    await expect(reflector.running).rejects.toThrow()
  })
})
