import { describe, expect, test } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { readFileSync } from 'node:fs'
import { parse as parseYaml } from 'yaml'
import { loadSuite, parseSuite, suiteJsonSchema, variablesOf } from '../../../shared/smoke/suite.ts'

const parse = (text: string) => parseSuite('smoke.yml', text)

test('reads a suite, with its defaults and where each request stands', () => {
  const suite = parse(`
name: users
load: { path: /api/v1/users }
requests:
  - name: create
    method: POST
    path: /api/v1/users
    headers: { authorization: 'Bearer \${env:API_TOKEN}' }
    body: { name: Ada }
    expect: { status: [200, 201], latency: 500ms, json: { user.name: Ada, user.id: { type: number } } }
    capture: { id: user.id }
  - name: read
    path: /api/v1/users/\${id}
`)
  expect(suite).toMatchObject({
    name: 'users',
    load: { path: '/api/v1/users', headers: {}, auth: undefined, timeoutMs: 10_000 },
    requests: [
      { where: 'smoke.yml:5', expect: { statuses: [200, 201], latencyMs: 500 }, capture: { id: 'user.id' } },
      { where: 'smoke.yml:12', expect: { statuses: [200], latencyMs: undefined }, capture: {} },
    ],
  })
  expect(variablesOf(suite)).toEqual([{ name: 'API_TOKEN', where: 'smoke.yml:5', inHeader: true }])
})

test("the built-in suite has the guide's endpoints", () => {
  const suite = loadSuite('/', '')
  expect(suite.requests.map(({ path }) => path)).toEqual([
    '/health',
    '/api/v1/status',
    '/api/v1/metrics',
    '/api/v1/ping',
  ])
  expect(suite.load.path).toBe('/api/v1/ping')
})

describe('names file, line, what was found and what is accepted', () => {
  const request = (lines: string) => `name: x\nrequests:\n  - name: a\n    path: /a\n${lines}`

  test.each([
    ['requests:\n  - [', /^smoke\.yml:\d is not YAML/],
    ['name: x\nrequests: []', /^smoke\.yml:2 requests is "\[\]"/],
    [
      'name: x\nrequests:\n  - name: a\n    path: health',
      /^smoke\.yml:4 .*"health"; accepted: a path with a leading/,
    ],
    [request('    expct: {}'), /^smoke\.yml:5 requests\.0\.expct is not a key that a suite has/],
    [request('    method: get'), /^smoke\.yml:5 requests\.0\.method is "get"; accepted: .*GET/],
    [request('    expect: { status: 2000 }'), /^smoke\.yml:5 .*2000.*accepted: a status like 200/],
    [
      request('    expect: { json: { id: 1234567890123456789 } }'),
      /^smoke\.yml:5 has the integer 1234567890123456789, which would be read as 1234567890123456800/,
    ],
    [request('    expect: { json: { id: { integer: x } } }'), /^smoke\.yml:5 .*accepted: /],
    [request('    expect: { latency: 5 }'), /^smoke\.yml:5 .*latency is "5"/],
    [request('    expect: { body: "(" }'), /^smoke\.yml:5 .*accepted: a regular expression/],
    [request('    expect: { json: { a: { over: 3 } } }'), /^smoke\.yml:5 .*over is not a key/],
    [request('    expect: { json: { a: [1] } }'), /^smoke\.yml:5 .*accepted: a value, or any of equals/],
    [request('    headers: { Content-Length: "3" }'), /^smoke\.yml:5 .*accepted: a header that the client/],
    [
      request('    headers: { x: "a\\nb" }'),
      /^smoke\.yml:5 requests\.0\.headers\.x .*accepted: text on one line/,
    ],
    [
      request('    auth: { bearer: s3cr-t }'),
      /^smoke\.yml:5 .*auth\.bearer .*accepted: the name of an environment/,
    ],
    [request('    auth: { token: X }'), /^smoke\.yml:5 .*accepted: bearer: VARIABLE, or basic/],
    [
      request('    auth: { bearer: X }\n    headers: { Authorization: y }'),
      /^smoke\.yml:3 has both auth and/,
    ],
    [
      request('    retry: { times: 3 }'),
      /^smoke\.yml:5 requests\.0\.retry\.because is missing; .*the reason/,
    ],
    [
      request('    retry: { times: 99, because: x }'),
      /^smoke\.yml:5 .*times is "99"; accepted: .* from 1 to 20/,
    ],
    [
      request('    redirects: 11'),
      /^smoke\.yml:5 .*redirects is "11"; accepted: a whole number from 0 to 10/,
    ],
    [request('    headers: [x]'), /^smoke\.yml:5 .*headers is "\[\\"x\\"\]"; accepted: keys with values$/],
    [
      'name: ""\nrequests: [{ name: a, path: / }]',
      /^smoke\.yml:1 name is missing; accepted: something that is not empty/,
    ],
    [request('    timeout: 5'), /^smoke\.yml:5 .*timeout is "5"; accepted: a duration/],
    ['name: x\nload: { path: ping }\nrequests: [{ name: a, path: / }]', /^smoke\.yml:2 load\.path is "ping"/],
    [
      'name: x\nload: { headers: { x: "${token}" } }\nrequests: [{ name: a, path: / }]',
      /^smoke\.yml:2 is "\$\{token\}"; accepted: nothing/,
    ],
    [request('    headers: { x: "${token}" }'), /^smoke\.yml:3 is "\$\{token\}"; accepted: nothing/],
  ])('%j', (text, message) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ name: 'InputError', message: expect.stringMatching(message) }),
    )
  })

  test('a suite that is not there', () => {
    expect(() => loadSuite('/', 'no/such.yml')).toThrow('suite: no/such.yml cannot be read')
  })
})

describe("editors' schema", () => {
  const accepts = new Ajv2020({ allowUnionTypes: true }).compile(suiteJsonSchema())
  const held = (text: string) => accepts(parseYaml(text))

  test('accepts what is accepted, and says what every key is for', () => {
    expect(held(readFileSync('test/e2e/smoke/users.yml', 'utf8'))).toBe(true)
    const [, example = ''] =
      /```yaml\n(# yaml-language[^`]*)```/.exec(readFileSync('actions/smoke-test/README.md', 'utf8')) ?? []
    expect(parse(example).requests).toHaveLength(3)
    expect(held(example)).toBe(true)
    expect(JSON.stringify(suiteJsonSchema())).toContain('Redirects that are followed')
  })

  test.each([
    'expct: {}',
    'method: get',
    'auth: { token: X }',
    'retry: { times: 3 }',
    'redirects: 11',
    'timeout: 5',
  ])('refuses %s', line => {
    expect(held(`name: x\nrequests: [{ name: a, path: / }]`)).toBe(true)
    expect(held(`name: x\nrequests: [{ name: a, path: /, ${line} }]`)).toBe(false)
  })
})
