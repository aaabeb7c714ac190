import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock as clock } from '../../../shared/platform/clock.ts'
import type { Log } from '../../../shared/platform/log.ts'
import { createSecrets } from '../../../shared/platform/secrets.ts'
import type { Environment } from '../../../shared/runbook/environment.ts'
import { runSmoke, type SmokeOverrides } from '../../../shared/smoke/run.ts'

let server: Server
let root: string
let url: string
let handle: RequestListener

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'smoke-'))
  handle = (_, response) => void response.end('{}')
  server = createServer((request, response) => handle(request, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(() => {
  server.close()
  server.closeAllConnections()
  rmSync(root, { recursive: true })
})

const log: Log = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  debug: () => undefined,
  group: (_title, work) => work(),
}

function smoke(suite: string, said: SmokeOverrides = {}, env: Record<string, string> = {}) {
  writeFileSync(join(root, 'suite.yml'), suite)
  const environment = {
    name: 'staging',
    url,
    root,
    monitoring: { prometheus: '', grafana: '', pushgateway: '' },
    notify: { slack: '', github: '' },
    smoke: { suite: 'suite.yml', requests: 0, concurrency: 4 },
  } as Environment
  const signal = new AbortController().signal
  return runSmoke(environment, { clock, log, secrets: createSecrets(), env, signal }, said)
}

const one = 'name: one\nrequests: [{ name: root, path: / }]'

describe('the suite', () => {
  test('what one request gives, the next may use', async () => {
    const seen: string[] = []
    handle = (request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`)
      response.end('{"user":{"id":7}}')
    }
    const { passed, failed } = await smoke(
      `
name: users
requests:
  - { name: create, method: POST, path: /users, body: { name: Ada }, capture: { id: 'user.id' } }
  - { name: read, path: '/users/\${id}', headers: { authorization: 'Bearer \${env:TOKEN}' } }
`,
      {},
      { TOKEN: 's3cret' },
    )
    expect([passed, failed]).toEqual([2, 0])
    expect(seen).toEqual(['POST /users ', 'GET /users/7 Bearer s3cret'])
  })

  test('a request whose value never came fails without being sent', async () => {
    const { failed, evidence } = await smoke(`
name: users
requests:
  - { name: create, path: /users, capture: { id: id } }
  - { name: read, path: '/users/\${id}' }
`)
    expect(failed).toBe(2)
    expect(evidence.map(({ finding }) => finding)).toEqual([
      'has no id to capture as "id" (suite.yml:4)',
      'needs id, which no request before it gave (suite.yml:5)',
    ])
  })

  test('a missing variable is an input error before anything is sent', async () => {
    handle = () => {
      throw new Error('nothing may be sent')
    }
    const suite = 'name: x\nrequests: [{ name: a, path: /, headers: { x: "${env:NOPE}" } }]'
    await expect(smoke(suite)).rejects.toThrow('suite.yml:2 needs the environment variable NOPE')
  })

  test('a redirect is an answer like another', async () => {
    handle = (_, response) => void response.writeHead(302, { location: 'https://elsewhere.invalid' }).end()
    const { evidence } = await smoke(one)
    expect(evidence[0]).toMatchObject({ finding: '302, expected 200 (suite.yml:2)', tone: 'bad' })
  })
})

describe('the load', () => {
  test('sends as many requests as asked, not more at a time, and measures them', async () => {
    let [now, most, all] = [0, 0, 0]
    handle = (_, response) => {
      all += 1
      now += 1
      most = Math.max(most, now)
      setImmediate(() => {
        now -= 1
        response.end('{}')
      })
    }
    const { load, passed, failed } = await smoke(one, { requests: 100, maxRate: 1e6 })
    expect({ passed, failed, sent: load?.sent, failures: load?.failed }).toEqual({
      passed: 2,
      failed: 0,
      sent: 100,
      failures: 0,
    })
    expect(all).toBe(101)
    expect(most).toBeLessThanOrEqual(4)
    const { p50 = NaN, p95 = NaN, p99 = NaN, max = NaN } = load?.percentiles ?? {}
    expect(p50).toBeGreaterThan(0)
    expect([p50, p95, p99, max].toSorted((a, b) => a - b)).toEqual([p50, p95, p99, max])
  })

  test('keeps to its rate', async () => {
    const { load } = await smoke(one, { requests: 21, maxRate: 100 })
    expect(load?.rps).toBeLessThanOrEqual(106)
  })

  test('ends as soon as more have failed than may', async () => {
    let all = 0
    handle = (request, response) => {
      all += 1
      response.writeHead(request.url === '/' ? 200 : 500).end()
    }
    const { failed, load, evidence } = await smoke(one, { requests: 1_000, maxRate: 1e6, maxErrorRate: 0.01 })
    expect(failed).toBe(1)
    expect(load?.stopped).toBe(true)
    expect(all).toBeLessThan(20)
    expect(evidence.at(-1)).toMatchObject({ subject: 'load', finding: expect.stringContaining('500 (') })
  })

  test('fails when it is slower than asked', async () => {
    const { failed, evidence } = await smoke(one, { requests: 20, maxRate: 1e6, maxP95Ms: 0.001 })
    expect(failed).toBe(1)
    expect(evidence.at(-1)?.finding).toContain('p95')
  })

  test('is not sent to a service that failed its suite', async () => {
    handle = (_, response) => void response.writeHead(500).end()
    const { load, failed } = await smoke(one, { requests: 100 })
    expect(load).toBeUndefined()
    expect(failed).toBe(1)
  })
})
