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
import { sendLoad } from '../../../shared/smoke/load.ts'
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

function smoke(
  suite: string,
  said: SmokeOverrides = {},
  env: Record<string, string> = {},
  secrets = createSecrets(),
) {
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
  return runSmoke(environment, { clock, log, secrets, env, signal }, said)
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

  test('a variable that no header can carry is an input error before anything is sent', async () => {
    handle = () => {
      throw new Error('nothing may be sent')
    }
    const suite = 'name: x\nauth: { bearer: TOKEN }\nrequests: [{ name: a, path: / }]'
    await expect(smoke(suite, {}, { TOKEN: 'pasted\n' })).rejects.toThrow(
      'suite.yml:3: the environment variable TOKEN has a line break',
    )
  })

  test("credentials are the suite's, a request's own, or none", async () => {
    const seen: unknown[] = []
    handle = ({ headers }, response) => {
      seen.push([headers.authorization, headers['x-team'], headers['content-type']])
      response.end('{}')
    }
    const env = { TOKEN: 't0ken', USER: 'ada', PASSWORD: 'pässword' }
    await smoke(
      `
name: auth
auth: { bearer: TOKEN }
headers: { X-Team: blue, content-type: text/plain }
load: { path: /load, auth: { basic: { user: USER, password: PASSWORD } } }
requests:
  - { name: inherited, path: / }
  - { name: own, path: /, auth: { basic: { user: USER, password: PASSWORD } } }
  - { name: header, path: /, headers: { Authorization: 'Key \${env:TOKEN}', x-team: red } }
  - { name: none, path: /, auth: none, headers: { Content-Type: text/html } }
`,
      { requests: 1 },
      env,
    )
    const basic = `Basic ${Buffer.from('ada:pässword').toString('base64')}`
    expect(seen).toEqual([
      ['Bearer t0ken', 'blue', 'text/plain'],
      [basic, 'blue', 'text/plain'],
      ['Key t0ken', 'red', 'text/plain'],
      [undefined, 'blue', 'text/html'],
      [basic, 'blue', 'text/plain'],
    ])
  })

  test('a captured value that goes into a header is a secret from then on', async () => {
    const secrets = createSecrets()
    handle = (_, response) =>
      void response.setHeader('x-echo', 'c0okie').end('{"token":"c0okie","name":"Grace"}')
    const { evidence } = await smoke(
      `
name: login
requests:
  - { name: login, path: /, capture: { token: token, name: name } }
  - { name: use, path: '/\${name}', headers: { x-token: '\${token}' }, expect: { headers: { x-echo: other } } }
`,
      {},
      {},
      secrets,
    )
    expect(secrets.redact(evidence[1]?.finding ?? '')).toContain('header x-echo is "***"')
    expect(secrets.redact('c0okie Grace')).toBe('*** Grace')
  })

  test('a captured value that no header can carry is told, and not sent', async () => {
    handle = (_, response) => void response.end('{"token":"a\\r\\nx: y"}')
    const { failed, evidence } = await smoke(`
name: login
requests:
  - { name: login, path: /, capture: { token: token } }
  - { name: use, path: /, headers: { x-token: '\${token}' } }
`)
    expect(failed).toBe(1)
    expect(evidence[1]?.finding).toBe('header x-token cannot carry what was captured for it (suite.yml:5)')
  })

  test('a captured value does not climb out of its path', async () => {
    const seen: (string | undefined)[] = []
    handle = (request, response) => {
      seen.push(request.url)
      response.end('{"id":".."}')
    }
    const { evidence } = await smoke(`
name: x
requests:
  - { name: a, path: /, capture: { id: id } }
  - { name: b, method: DELETE, path: '/users/\${id}' }
`)
    expect(evidence[1]?.finding).toContain('its path would be /users/.. with what was captured')
    expect(seen).toEqual(['/'])
  })

  test('a value that is named like what every object has is missed all the same', async () => {
    const { evidence } = await smoke(`
name: x
requests:
  - { name: a, path: /, capture: { constructor: nothing } }
  - { name: b, path: '/\${constructor}' }
`)
    expect(evidence[1]?.finding).toContain('needs constructor, which no request before it gave')
  })

  test('is tried again as often as its suite says, and the reason is told', async () => {
    let asked = 0
    handle = (_, response) => {
      asked += 1
      response.writeHead(asked < 3 ? 404 : 200).end('{}')
    }
    const retry = (times: number) =>
      `name: x\nrequests: [{ name: a, path: /, retry: { times: ${times}, every: 1ms, because: the index lags } }]`
    const { evidence, passed } = await smoke(retry(4))
    expect({ asked, passed }).toEqual({ asked: 3, passed: 1 })
    expect(evidence[0]?.finding).toMatch(/^200 in .*, at try 3: the index lags$/)
    asked = -9
    expect((await smoke(retry(1))).evidence[0]?.finding).toBe(
      '404, expected 200 (suite.yml:2), after 2 tries',
    )
    expect(asked).toBe(-7)
  })

  test('a redirect is followed when its suite says so', async () => {
    handle = (request, response) =>
      request.url === '/new'
        ? response.end('{"at":"new"}')
        : response.writeHead(301, { location: '/new' }).end()
    const { passed } = await smoke(
      'name: x\nrequests: [{ name: a, path: /, redirects: 1, expect: { json: { at: new } } }]',
    )
    expect(passed).toBe(1)
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
    expect(load?.stopped).toBe('rise')
    expect(all).toBeLessThan(12)
    expect(evidence.at(-1)).toMatchObject({ subject: 'load', finding: expect.stringContaining('500 (') })
  })

  test('ends with the run that is cancelled, and sends nothing more', async () => {
    const controller = new AbortController()
    let all = 0
    handle = (_, response) => {
      all += 1
      if (all === 10) controller.abort(new Error('cancelled'))
      response.end()
    }
    const plan = {
      url,
      headers: {},
      requests: 1e6,
      concurrency: 4,
      maxRate: 1e6,
      maxErrorRate: 0,
      timeoutMs: 1_000,
    }
    await expect(sendLoad(plan, clock, controller.signal)).rejects.toThrow('cancelled')
    expect(all).toBeLessThanOrEqual(14)
  })

  test('is refused when it cannot end in time, before anything is sent', async () => {
    handle = () => {
      throw new Error('nothing may be sent')
    }
    await expect(smoke(one, { requests: 6_000, maxRate: 10, withinMs: 600_000 })).rejects.toThrow(
      'requests is 6000, which takes 10 min 0 s at 10 a second; the step has 10 min 0 s',
    )
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
