import assert from 'node:assert/strict'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'

import { HttpError } from '../../src/errors.js'
import { Faults } from '../../src/faults.js'
import { Lifecycle } from '../../src/lifecycle.js'
import { createLog } from '../../src/log.js'
import { createHttpServer } from '../../src/server.js'
import { closeServer } from '../../src/shutdown.js'
import { Traffic } from '../../src/traffic.js'

const NO_FAULTS = {
  errorRate: 0,
  latency: 0,
  crashAfter: undefined,
  memoryGrowth: 0,
  databaseLostAfter: undefined,
}

/**
 * A server on a free port of this machine.
 * @param {import('node:test').TestContext} context
 * @param {import('../../src/router.js').Route[]} routes
 * @param {Partial<import('../../src/config.js').Config['faults']>} [faults]
 */
async function serve(context, routes, faults = {}) {
  /** @type {any[]} */
  const entries = []
  const log = createLog({ level: 'debug', write: line => void entries.push(JSON.parse(line)) })
  const lifecycle = new Lifecycle()
  const traffic = new Traffic()
  const server = createHttpServer({
    routes,
    log,
    traffic,
    faults: new Faults({ ...NO_FAULTS, ...faults }, () => 0.5),
    lifecycle,
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { server, lifecycle, traffic, entries, port, url: `http://127.0.0.1:${port}` }
}

/** @type {import('../../src/router.js').Route} */
const PING = { method: 'GET', path: '/api/ping', handle: () => ({ status: 200, json: { pong: true } }) }
/** @type {import('../../src/router.js').Route} */
const ECHO = {
  method: 'POST',
  path: '/api/echo',
  handle: async ({ json }) => ({ status: 200, json: await json() }),
}

/** @param {Response} response @returns {Promise<{code: string, details?: string[]}>} */
const errorOf = async response => /** @type {any} */ (await response.json()).error

/** `GET /slow`, which answers when its request is released. */
function slowRoute() {
  /** @type {(() => void)[]} */
  const release = []
  /** @type {import('../../src/router.js').Route} */
  const slow = {
    method: 'GET',
    path: '/slow',
    handle: () => new Promise(resolve => release.push(() => resolve({ status: 200, json: { slow: true } }))),
  }
  return { slow, release }
}

/** @param {string} url @param {string | ReadableStream} body @param {string} [type] */
const post = (url, body, type = 'application/json') =>
  fetch(url, { method: 'POST', body, headers: { 'content-type': type } })

test('an answer carries the request id, and so does its log line', async context => {
  const { url, entries } = await serve(context, [PING])
  const response = await fetch(`${url}/api/ping?token=abc`, {
    headers: { 'x-request-id': 'from-upstream.1' },
  })
  assert.equal(response.headers.get('x-request-id'), 'from-upstream.1')
  assert.deepEqual(await response.json(), { pong: true })
  const { requestId, route, status, method } = entries.find(({ msg }) => msg === 'request')
  assert.deepEqual([requestId, route, status, method], ['from-upstream.1', '/api/ping', 200, 'GET'])
  assert(!JSON.stringify(entries).includes('abc'), 'a query can hold secrets')
})

test('an id that is none is replaced', async context => {
  const { url } = await serve(context, [PING])
  const response = await fetch(`${url}/api/ping`, { headers: { 'x-request-id': 'a b"}' } })
  assert.match(response.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
})

test('errors are JSON, and the inside stays inside', async context => {
  const broken = () => {
    throw new Error('select from secrets')
  }
  const { url, entries } = await serve(context, [{ method: 'GET', path: '/broken', handle: broken }])
  const response = await fetch(`${url}/broken`)
  assert.equal(response.status, 500)
  const text = await response.text()
  assert(!text.includes('secrets'))
  assert.equal(JSON.parse(text).error.code, 'internal-error')
  assert.equal(entries.find(({ level }) => level === 'error').error.message, 'select from secrets')
})

test('odd targets are not found rather than a fault of ours', async context => {
  const { url, port } = await serve(context, [PING])
  assert.equal((await fetch(`${url}//evil/api/ping`)).status, 404)
  const status = await new Promise((resolve, reject) => {
    const asked = httpRequest({ port, path: 'http://[', agent: false }, response =>
      resolve(response.resume().statusCode),
    )
    asked.on('error', reject).end()
  })
  assert.equal(status, 404)
})

test('a body must be JSON by type and by content, and small', async context => {
  const { url } = await serve(context, [ECHO])
  assert.deepEqual(
    await (await post(`${url}/api/echo`, '{"a":1}', 'application/json; charset=utf-8')).json(),
    { a: 1 },
  )
  assert.equal((await post(`${url}/api/echo`, '{"a":1}', 'text/plain')).status, 415)
  assert.equal((await post(`${url}/api/echo`, '{"a":')).status, 400)
  assert.equal((await post(`${url}/api/echo`, '')).status, 400)
  const large = await post(`${url}/api/echo`, JSON.stringify({ a: 'x'.repeat(17_000) }))
  assert.equal(large.status, 413)
  assert.equal((await errorOf(large)).code, 'body-too-large')
})

test('the answer to HEAD has no body', async context => {
  const { url } = await serve(context, [PING])
  const response = await fetch(`${url}/api/ping`, { method: 'HEAD' })
  assert.equal(response.status, 200)
  assert.equal(await response.text(), '')
  assert.equal(response.headers.get('content-length'), '14')
})

test('a caller who leaves is counted as such, not as our error', async context => {
  const { slow, release } = slowRoute()
  const { port, traffic, entries } = await serve(context, [slow])
  const socket = connect(port, '127.0.0.1', () => socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n'))
  await until(() => release.length === 1)
  assert.equal(traffic.inFlight, 1)
  socket.destroy()
  await until(() => traffic.inFlight === 0)
  release[0]?.()
  assert.equal(entries.find(({ msg }) => msg === 'request').status, 499)
  assert.equal(traffic.recent().errors, 0)
})

test('faults strike the API and leave the probes alone', async context => {
  const health = { ...PING, path: '/health' }
  const { url, traffic } = await serve(context, [PING, health], { errorRate: 0.6, latency: 30 })
  const began = performance.now()
  const ill = await fetch(`${url}/api/ping`)
  assert(performance.now() - began >= 29)
  assert.equal(ill.status, 500)
  assert.equal((await errorOf(ill)).code, 'injected-fault')
  assert.equal((await fetch(`${url}/health`)).status, 200)
  assert.equal(traffic.recent().errors, 1)
})

test('an error rate below the draw lets the request pass', async context => {
  const { url } = await serve(context, [PING], { errorRate: 0.5 })
  assert.equal((await fetch(`${url}/api/ping`)).status, 200)
})

test('a known refusal keeps its status, headers and details', async context => {
  const refuse = () => {
    throw new HttpError(429, 'slow-down', 'Wait.', { headers: { 'retry-after': '9' }, details: ['one'] })
  }
  const { url, entries } = await serve(context, [{ method: 'GET', path: '/r', handle: refuse }])
  const response = await fetch(`${url}/r`)
  assert.equal(response.status, 429)
  assert.equal(response.headers.get('retry-after'), '9')
  assert.deepEqual((await errorOf(response)).details, ['one'])
  assert.deepEqual(
    entries.filter(({ level }) => level === 'error'),
    [],
  )
})

test('a shutdown finishes what is in flight and tells callers to go', async context => {
  const { slow, release } = slowRoute()
  const { server, lifecycle, url, port } = await serve(context, [PING, slow])
  const inFlight = fetch(`${url}/slow`)
  const agent = new Agent({ keepAlive: true })
  context.after(() => agent.destroy())
  await getWith(agent, port)
  await until(() => release.length === 1)

  lifecycle.draining = true
  const closing = closeServer(server, 5_000)
  // The connection from before is answered once more, and told that this was the last time.
  assert.deepEqual(await getWith(agent, port), { status: 200, connection: 'close' })
  await until(() => !server.listening)
  release[0]?.()
  assert.deepEqual(await (await inFlight).json(), { slow: true })
  assert.deepEqual(await closing, { cut: 0 })
  await assert.rejects(fetch(`${url}/api/ping`))
})

test('a shutdown is bounded: what does not end is cut and counted', async context => {
  let asked = false
  const never = () => {
    asked = true
    return /** @type {Promise<never>} */ (new Promise(() => {}))
  }
  const { server, lifecycle, url } = await serve(context, [
    { method: 'GET', path: '/never', handle: () => never() },
  ])
  const lost = assert.rejects(fetch(`${url}/never`))
  await until(() => asked)
  lifecycle.draining = true
  assert.deepEqual(await closeServer(server, 100), { cut: 1 })
  await lost
})

test('a shutdown without connected clients is immediate', async context => {
  const { server, lifecycle } = await serve(context, [PING])
  lifecycle.draining = true
  const began = performance.now()
  await closeServer(server, 5_000)
  assert(performance.now() - began < 500)
})

/** @param {Agent} agent @param {number} port */
function getWith(agent, port) {
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ port, host: '127.0.0.1', path: '/api/ping', agent }, response => {
      response
        .resume()
        .on('end', () => resolve({ status: response.statusCode, connection: response.headers.connection }))
    })
    asked.on('error', reject).end()
  })
}

/** @param {() => boolean} condition */
async function until(condition) {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}
