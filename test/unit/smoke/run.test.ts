import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import { one, openStage, type Stage } from './stage.ts'

let stage: Stage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage.close())

describe('the suite', () => {
  test('what one request gives, the next may use', async () => {
    const seen: string[] = []
    stage.handle = (request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`)
      response.end('{"user":{"id":7}}')
    }
    const { passed, failed } = await stage.smoke(
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
    const { failed, evidence } = await stage.smoke(`
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
    stage.handle = () => {
      throw new Error('nothing may be sent')
    }
    const suite = 'name: x\nrequests: [{ name: a, path: /, headers: { x: "${env:NOPE}" } }]'
    await expect(stage.smoke(suite)).rejects.toThrow('suite.yml:2 needs the environment variable NOPE')
  })

  test('a variable that no header can carry is an input error before anything is sent', async () => {
    stage.handle = () => {
      throw new Error('nothing may be sent')
    }
    const suite = 'name: x\nauth: { bearer: TOKEN }\nrequests: [{ name: a, path: / }]'
    await expect(stage.smoke(suite, {}, { TOKEN: 'pasted\n' })).rejects.toThrow(
      'suite.yml:3: the environment variable TOKEN has a line break',
    )
  })

  test("credentials are the suite's, a request's own, or none", async () => {
    const seen: unknown[] = []
    stage.handle = ({ headers }, response) => {
      seen.push([headers.authorization, headers['x-team'], headers['content-type']])
      response.end('{}')
    }
    const env = { TOKEN: 't0ken', USER: 'ada', PASSWORD: 'pässword' }
    await stage.smoke(
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
    stage.handle = (_, response) =>
      void response.setHeader('x-echo', 'c0okie').end('{"token":"c0okie","name":"Grace"}')
    const { evidence } = await stage.smoke(
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
    stage.handle = (_, response) => void response.end('{"token":"a\\r\\nx: y"}')
    const { failed, evidence } = await stage.smoke(`
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
    stage.handle = (request, response) => {
      seen.push(request.url)
      response.end('{"id":".."}')
    }
    const { evidence } = await stage.smoke(`
name: x
requests:
  - { name: a, path: /, capture: { id: id } }
  - { name: b, method: DELETE, path: '/users/\${id}' }
`)
    expect(evidence[1]?.finding).toContain('its path would be /users/.. with what was captured')
    expect(seen).toEqual(['/'])
  })

  test('a value that is named like what every object has is missed all the same', async () => {
    const { evidence } = await stage.smoke(`
name: x
requests:
  - { name: a, path: /, capture: { constructor: nothing } }
  - { name: b, path: '/\${constructor}' }
`)
    expect(evidence[1]?.finding).toContain('needs constructor, which no request before it gave')
  })

  test('is tried again as often as its suite says, and the reason is told', async () => {
    let asked = 0
    stage.handle = (_, response) => {
      asked += 1
      response.writeHead(asked < 3 ? 404 : 200).end('{}')
    }
    const retry = (times: number) =>
      `name: x\nrequests: [{ name: a, path: /, retry: { times: ${times}, every: 1ms, because: the index lags } }]`
    const { evidence, passed } = await stage.smoke(retry(4))
    expect({ asked, passed }).toEqual({ asked: 3, passed: 1 })
    expect(evidence[0]?.finding).toMatch(/^200 in .*, at try 3: the index lags$/)
    asked = -9
    expect((await stage.smoke(retry(1))).evidence[0]?.finding).toBe(
      '404, expected 200 (suite.yml:2), after 2 tries',
    )
    expect(asked).toBe(-7)
  })

  test('a redirect is followed when its suite says so', async () => {
    stage.handle = (request, response) =>
      request.url === '/new'
        ? response.end('{"at":"new"}')
        : response.writeHead(301, { location: '/new' }).end()
    const { passed } = await stage.smoke(
      'name: x\nrequests: [{ name: a, path: /, redirects: 1, expect: { json: { at: new } } }]',
    )
    expect(passed).toBe(1)
  })

  test('a redirect to another origin is not followed, and says why', async () => {
    stage.handle = (_, response) =>
      void response.writeHead(302, { location: 'https://elsewhere.invalid/login?token=x' }).end()
    const { evidence } = await stage.smoke('name: x\nrequests: [{ name: a, path: /, redirects: 3 }]')
    expect(evidence[0]?.finding).toContain(
      'redirects to https://elsewhere.invalid, which redirects-to of the runbook does not name',
    )
  })

  test('a redirect is an answer like another', async () => {
    stage.handle = (_, response) =>
      void response.writeHead(302, { location: 'https://elsewhere.invalid' }).end()
    const { evidence } = await stage.smoke(one)
    expect(evidence[0]).toMatchObject({ finding: '302, expected 200 (suite.yml:2)', tone: 'bad' })
  })
})
