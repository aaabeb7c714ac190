/**
 * Every endpoint of a running service, with its database and cache behind it. Where: BASE_URL, else the staging
 * container of this machine. It leaves nothing behind: the users it makes it also deletes.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'

const BASE_URL = (process.env.BASE_URL || 'http://localhost:3001').replace(/\/+$/, '')

/** @typedef {{id: number, token: string}} Made */
/** @type {Made[]} */
const made = []

after(async () => {
  for (const { id, token } of made) await call('DELETE', `/api/v1/users/${id}`, { token })
})

/**
 * @param {string} method
 * @param {string} path
 * @param {{body?: unknown, token?: string, headers?: Record<string, string>}} [options]
 */
async function call(method, path, { body, token, headers = {} } = {}) {
  const response = await fetch(BASE_URL + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json')
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  }
}

const newUser = () => ({ email: `integration-${randomUUID()}@example.com`, name: 'Integration test' })

async function createUser() {
  const sent = newUser()
  const { status, json, headers } = await call('POST', '/api/v1/users', { body: sent })
  assert.equal(status, 201, JSON.stringify(json))
  made.push({ id: json.user.id, token: json.token })
  return { sent, user: json.user, token: json.token, location: headers.get('location') }
}

test('GET /health: the process is alive', async () => {
  const { status, json } = await call('GET', '/health')
  assert.equal(status, 200)
  assert.equal(json.status, 'ok')
  assert.match(json.version, /^v?\d+\.\d+\.\d+/)
  assert(json.uptime >= 0)
})

test('GET /ready: it may have traffic', async () => {
  const { status, json } = await call('GET', '/ready')
  assert.deepEqual([status, json.status], [200, 'ready'])
})

test('GET /api/v1/status: database and cache answer, and the resources are measured', async () => {
  const { status, json } = await call('GET', '/api/v1/status')
  assert.deepEqual([status, json.status], [200, 'ok'], JSON.stringify(json))
  for (const name of ['database', 'cache']) {
    assert.equal(json.checks[name].status, 'up')
    assert(json.checks[name].latencyMs >= 0)
  }
  for (const name of ['memory', 'cpu', 'disk']) {
    const { usedPercent, of } = json.checks[name]
    assert(usedPercent >= 0 && usedPercent <= 100, `${name}: ${usedPercent}`)
    assert.equal(typeof of, 'string')
  }
})

test('GET /api/v1/ping', async () => {
  const { status, json } = await call('GET', '/api/v1/ping')
  assert.deepEqual([status, json.pong], [200, true])
})

test('a user is created, read from the database, then from the cache, and deleted', async () => {
  const { sent, user, token, location } = await createUser()
  assert.deepEqual({ email: user.email, name: user.name }, sent)
  assert.equal(location, `/api/v1/users/${user.id}`)

  const first = await call('GET', location)
  assert.deepEqual([first.status, first.headers.get('x-cache'), first.json.user], [200, 'miss', user])
  const second = await call('GET', location, { token })
  assert.deepEqual([second.status, second.headers.get('x-cache'), second.json.user], [200, 'hit', user])

  assert.equal((await call('DELETE', location, { token })).status, 204)
  assert.equal((await call('GET', location)).status, 404, 'the cache must forget a deleted user')
})

test('users are listed in pages', async () => {
  const first = await createUser()
  const second = await createUser()
  const { json } = await call('GET', `/api/v1/users?after=${first.user.id - 1}&limit=1`)
  assert.deepEqual(json.users, [first.user])
  const rest = await call('GET', `/api/v1/users?after=${json.next}&limit=100`)
  assert(rest.json.users.some((/** @type {{id: number}} */ { id }) => id === second.user.id))
})

test('an email address is taken once, whatever its case', async () => {
  const { sent } = await createUser()
  const again = await call('POST', '/api/v1/users', { body: { ...sent, email: sent.email.toUpperCase() } })
  assert.deepEqual([again.status, again.json.error.code], [409, 'email-taken'])
})

test('a user cannot delete another user', async () => {
  const mine = await createUser()
  const other = await createUser()
  assert.equal((await call('DELETE', `/api/v1/users/${mine.user.id}`)).status, 401)
  assert.equal((await call('DELETE', `/api/v1/users/${mine.user.id}`, { token: other.token })).status, 403)
})

test('what cannot be used is refused with JSON that says why', async () => {
  /** @type {[string, string, unknown, number, string][]} */
  const cases = [
    ['POST', '/api/v1/users', { email: 'no-address', name: '' }, 400, 'invalid-request'],
    ['POST', '/api/v1/users', { ...newUser(), name: 'x'.repeat(20_000) }, 413, 'body-too-large'],
    ['GET', '/api/v1/users/abc', undefined, 400, 'invalid-request'],
    ['GET', '/api/v1/users?limit=1000', undefined, 400, 'invalid-request'],
    ['GET', '/api/v1/users/9007199254740991', undefined, 404, 'user-not-found'],
    ['GET', '/api/v1/nothing', undefined, 404, 'not-found'],
    ['PUT', '/api/v1/ping', undefined, 405, 'method-not-allowed'],
  ]
  for (const [method, path, body, status, code] of cases) {
    const answer = await call(method, path, { body })
    assert.deepEqual([answer.status, answer.json?.error.code], [status, code], `${method} ${path}`)
    assert.equal(answer.json.error.requestId, answer.headers.get('x-request-id'))
  }
})

test('GET /api/v1/metrics for people: system, application and business', async () => {
  const { status, json } = await call('GET', '/api/v1/metrics')
  assert.equal(status, 200)
  assert.deepEqual(Object.keys(json.system).slice(0, 3), ['cpu', 'memory', 'disk'])
  assert(json.application.requests >= 0)
  assert(json.application.errorRate >= 0 && json.application.errorRate <= 1)
  assert(json.application.requestsPerSecond >= 0)
  assert.deepEqual(Object.keys(json.application.responseTimeMs), ['p50', 'p95', 'p99'])
  assert(json.business.activeUsers >= 0)
  assert(json.business.apiCalls >= 0)
})

test('GET /api/v1/metrics for Prometheus', async () => {
  const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
  const { status, headers, text } = await call('GET', '/api/v1/metrics', { headers: { accept } })
  assert.equal(status, 200)
  assert.equal(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  for (const family of [
    'runbook_cpu_used_ratio',
    'runbook_memory_used_ratio',
    'runbook_disk_used_ratio',
    'http_request_duration_seconds_bucket',
    'runbook_active_users',
    'runbook_api_calls_total',
  ]) {
    assert.match(text, new RegExp(`^${family}(\\{.*\\})? [0-9.e+-]+$`, 'm'))
  }
  assert.match(text, /^runbook_dependency_up\{dependency="database"\} 1$/m)
})
