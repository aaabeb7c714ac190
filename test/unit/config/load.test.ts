import { afterAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InputError } from '../../../shared/outcome/errors.ts'
import { loadEnvironment, parseRunbook, runbookJsonSchema } from '../../../shared/config/load.ts'

const root = mkdtempSync(join(tmpdir(), 'runbook-'))
afterAll(() => rmSync(root, { recursive: true }))

const runbook = `service: runbook-api
environments:
  production:
    target:
      kind: kubernetes
      namespace: production
      manifests: deployment/k8s/prod
      workload: deployment/runbook-api
    url: https://api.runbook.com/
    env-file: deployment/config/.env.production
    requires: [DATABASE_URL]
    backup: { destination: s3://runbook-prod-backups, rpo: 1h }
    gate: { for: 2m, memory: 85% }
`

const load = (environment: string, overrides = {}, text = runbook) => {
  writeFileSync(join(root, 'runbook.yml'), text)
  return loadEnvironment({ root, config: 'runbook.yml', environment, overrides })
}

describe('a runbook', () => {
  test('is read into base units, with the guide’s thresholds where it is silent', () => {
    expect(load('production')).toMatchObject({
      service: 'runbook-api',
      url: 'https://api.runbook.com',
      backup: {
        retentionDays: 30,
        encryptTo: [],
        signedBy: [],
        verifyQuery: '',
        postgresImage: '',
        rpoMs: 3_600_000,
        rtoMs: 4 * 3_600_000,
        shortDays: 2,
        envFile: '',
        promisesRpo: true,
        wal: false,
      },
      gate: { forMs: 120_000, memory: 0.85, cpu: 0.8, disk: 0.9 },
    })
  })

  test('gives way to what the caller says', () => {
    const { url, target } = load('production', { url: 'http://localhost:1', manifests: 'k8s' })
    expect(url).toBe('http://localhost:1')
    expect(target).toMatchObject({ manifests: 'k8s' })
  })

  test('never reads an integer as another one', () => {
    const text = runbook.replace('memory: 85% }', 'expect: { /health: { id: 9007199254740993 } } }')
    expect(() => load('production', {}, text)).toThrow(
      /^runbook\.yml:\d+ has the integer 9007199254740993, which would be read as 9007199254740992/,
    )
    const quoted = runbook.replace('memory: 85% }', "expect: { /health: { id: '9007199254740993' } } }")
    expect(load('production', {}, quoted).gate.expect).toEqual({ '/health': { id: '9007199254740993' } })
  })

  test.each([
    ['namespce', 'Did you mean namespace?'],
    ['whatever', 'Remove whatever, or correct its spelling.'],
  ])('guesses what %s was meant to be', (key, hint) => {
    const text = runbook.replace('      namespace:', `      ${key}:`)
    expect(() => load('production', {}, text)).toThrow(expect.objectContaining({ hint }))
  })

  test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'has no environment %s that the runbook does not name',
    name => {
      expect(() => load(name)).toThrow(`environment is "${name}"; accepted: production`)
    },
  )

  test('names the environments that there are', () => {
    expect(() => load('prod')).toThrow('environment is "prod"; accepted: production')
  })

  test('that is missing is named', () => {
    const missing = { root, config: 'nowhere.yml', environment: 'production', overrides: {} }
    expect(() => loadEnvironment(missing)).toThrow('config: nowhere.yml cannot be read')
  })

  test.each([
    [
      'url: https://api.runbook.com/',
      'url: ftp://x',
      'runbook.yml:9 environments.production.url is "ftp://x"; accepted: an http',
    ],
    [
      'url: https://api.runbook.com/',
      'url: https://api.runbook.com/?region=eu',
      'url is "https://api.runbook.com/?region=eu"; accepted: a URL without a query or a fragment',
    ],
    [
      'for: 2m',
      'for: 2x',
      'runbook.yml:13 environments.production.gate.for is "2x"; accepted: a duration like',
    ],
    ['memory: 85%', 'memory: 0.85', 'runbook.yml:13 environments.production.gate.memory is "0.85"'],
    [
      'kind: kubernetes',
      'kind: nomad',
      'runbook.yml:5 environments.production.target.kind is "nomad"; accepted: a target',
    ],
    ['    requires:', '    require:', 'runbook.yml:11 environments.production.require is not a key'],
    [
      '      namespace:',
      '      namespce:',
      'runbook.yml:6 environments.production.target.namespce is not a key that a runbook has there; accepted: kind, namespace, manifests, workload, context, secret',
    ],
    [
      'for: 2m',
      'for: 16',
      'runbook.yml:13 environments.production.gate.for is "16"; accepted: a duration like 90s, 5m or 1h30m',
    ],
    ['memory: 85%', 'memory: 85', 'gate.memory is "85"; accepted: a percentage like 85% or 0.5%'],
    [
      'requires: [DATABASE_URL]',
      'requires: [12]',
      'requires.0 is "12"; accepted: text, which is this in quotes: "12"',
    ],
    [
      '      namespace: production\n',
      '',
      'target.namespace is missing; accepted: a name of lower-case letters',
    ],
    [
      'deployment/k8s/prod',
      '../../etc',
      'runbook.yml:7 environments.production.target.manifests is "../../etc"',
    ],
    ['service: runbook-api', 'service: [', 'runbook.yml:'],
  ])('with %s changed to %s is refused by file and line', (from, to, message) => {
    expect(() => parseRunbook('runbook.yml', runbook.replace(from, to))).toThrow(InputError)
    expect(() => parseRunbook('runbook.yml', runbook.replace(from, to))).toThrow(message)
  })

  test.each([
    ['memory: 850%', 'gate.memory is "850%"; accepted: a percentage like 85% or 0.5%, at most 100%'],
    ['error-rate: 0%', 'gate.error-rate is "0%"; accepted: a percentage above 0% and up to 50%'],
    ['interval: 5ms', 'gate.interval is "5ms"; accepted: a duration of 50ms or more'],
    [
      'queries: { lag: max(lag) }',
      'gate.queries.lag is "max(lag)"; accepted: an expression, one of < <= > >=',
    ],
    ['queries: { Lag: max(lag) < 1 }', 'gate.queries.Lag: the key is "Lag"; accepted: a name of lower-case'],
    ['metrics: { lag: max(lag) < 1 }', 'gate.metrics.lag is "max(lag) < 1"; accepted: a metric, with exact'],
    [
      'expect: { status: { a: 1 } }',
      'gate.expect.status: the key is "status"; accepted: a path that begins with /',
    ],
    ['expect: { /x: { a: [1] } }', 'gate.expect./x.a is "[1]"'],
  ])('with a gate of %s is refused by file and line', (gate, message) => {
    const changed = runbook.replace('memory: 85%', gate)
    const attempt = () => load('production', {}, changed)
    expect(attempt).toThrow(InputError)
    expect(attempt).toThrow(`runbook.yml:13 environments.production.${message}`)
  })

  test('names who is told by the variables of their secrets, and shows no secret that was pasted instead', () => {
    const told = (slack: string) =>
      load('production', {}, `${runbook.trimEnd()}\n    notify: { slack: ${slack} }\n`).notify
    expect(told('SLACK_WEBHOOK_URL')).toEqual({ slack: 'SLACK_WEBHOOK_URL', github: '' })
    const [place, key] = ['https://hooks.slack.com/services/T00000000', 'XXXXXXXXXXXXXXXXXXXXXXXX']
    const attempt = () => told(`${place}/${key}`)
    expect(attempt).toThrow(`notify.slack is "${place}/***"; accepted: the name of an environment variable`)
    expect(attempt).not.toThrow(key)
  })

  test('holds conditions for the gate', () => {
    const gate = `metrics: { lag: 'lag{q="0.99"} < 20%' }, queries: { up: min(up) >= 1 }`
    expect(load('production', {}, runbook.replace('memory: 85%', gate)).gate).toMatchObject({
      metrics: [{ name: 'lag', expr: 'lag{q="0.99"}', operator: '<', limit: 0.2 }],
      queries: [{ name: 'up', expr: 'min(up)', operator: '>=', limit: 1 }],
    })
  })

  test('has a schema for editors', () => {
    expect(runbookJsonSchema()).toMatchObject({ type: 'object', required: ['service', 'environments'] })
  })
})

describe('what the checks are told', () => {
  const withChecks = (text: string) => runbook.replace('    gate:', `    checks:\n${text}\n    gate:`)

  test('is read into base units', () => {
    const text = `      database: { version: '>=14', max-lag: 1m, migrations: [npm, run, pending] }
      services:
        - { name: mail, url: https://mail.example.com/health, status: [200] }
        - { name: queue, address: 'queue.example.com:5672' }
      on-call: [{ name: Ada, contact: '+49 30 1234567' }]
      freeze: [{ from: Fri 16:00, to: Mon 08:00, time-zone: Asia/Seoul, reason: weekend }]`
    writeFileSync(join(root, 'checks.yml'), withChecks(text))
    const { checks } = loadEnvironment({
      root,
      config: 'checks.yml',
      environment: 'production',
      overrides: {},
    })
    expect(checks).toMatchObject({
      code: { required: [], approvals: 1 },
      database: { version: '>=14', maxLagMs: 60_000, migrations: ['npm', 'run', 'pending'] },
      services: [{ status: [200] }, { address: 'queue.example.com:5672' }],
      certificate: { file: '', renewBeforeMs: 14 * 86_400_000 },
      freeze: [{ timeZone: 'Asia/Seoul' }],
    })
  })

  test.each([
    ['database: { version: latest }', 'checks.database.version is "latest"; accepted: a range of versions'],
    ['services: [{ name: mail }]', 'checks.services.0 is '],
    ['ports: { open: [443] }', 'checks.ports.open.0 is "443"'],
    ['ports: { closed: [db:99999] }', 'closed.0 is "db:99999"; accepted: HOST:PORT, with a PORT from 1 to'],
    ['services: [{ name: mail, address: smtp:0 }]', 'services.0.address is "smtp:0"; accepted: HOST:PORT'],
    ['freeze: [{ from: Fri, to: "08:00", reason: x }]', 'accepted: a from and a to of one kind'],
    ['freeze: [{ from: 2026-12-27, to: 2026-12-20, reason: x }]', 'accepted: a from that is before its to'],
    [
      'freeze: [{ from: Fri, to: Mon, time-zone: Seoul, reason: x }]',
      'time-zone is "Seoul"; accepted: a time zone',
    ],
    ['freeze: [{ from: Fri, to: Friday, reason: x }]', 'accepted: a from and a to that differ'],
    ['freeze: [{ from: "22:00", to: "22:00", reason: x }]', 'accepted: a from and a to that differ'],
    ['freeze: [{ from: 2026-02-30, to: 2026-03-01, reason: x }]', 'from is "2026-02-30"; accepted: a date'],
  ])('%s is refused by file and line', (text, message) => {
    const parsing = () => parseRunbook('runbook.yml', withChecks(`      ${text}`))
    expect(parsing).toThrow(message)
    expect(parsing).toThrow('runbook.yml:14 environments.production.checks.')
  })
})
