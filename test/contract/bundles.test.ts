import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// The published bundles, run as a runner runs them, with inputs that are missing, wrong or hostile. No lab is needed:
// each has to end before it reaches for anything.

const tree = join(import.meta.dirname, '../../build/tree')
const work = mkdtempSync(join(tmpdir(), 'bundles-'))
afterAll(() => rmSync(work, { recursive: true }))

beforeAll(() => {
  if (!existsSync(tree))
    throw new Error('the published tree is missing; make it with: script/assemble build/tree')
  mkdirSync(join(work, 'deployment/k8s'), { recursive: true })
  writeFileSync(
    join(work, 'deployment/runbook.yml'),
    `service: runbook-api
environments:
  production:
    target: { kind: kubernetes, namespace: production, manifests: deployment/k8s, workload: deployment/runbook-api }
    url: http://127.0.0.1:9
`,
  )
})

interface Ended {
  code: number | null
  stdout: string
  outputs: string
  left: string[]
}

function run(action: string, inputs: Record<string, string>): Ended {
  const output = join(work, 'output')
  const summary = join(work, 'summary')
  writeFileSync(output, '')
  writeFileSync(summary, '')
  const given: Record<string, string> = {}
  for (const [name, value] of Object.entries(inputs)) given[`INPUT_${name.toUpperCase()}`] = value
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(tree, action, 'dist/index.js')], {
    cwd: work,
    encoding: 'utf8',
    timeout: 30_000,
    env: {
      PATH: process.env['PATH'],
      HOME: work,
      GITHUB_ACTIONS: 'true',
      GITHUB_WORKSPACE: work,
      GITHUB_OUTPUT: output,
      GITHUB_STEP_SUMMARY: summary,
      ...given,
    },
  })
  const known = new Set(['deployment', 'output', 'summary'])
  return {
    code: status,
    stdout: stdout + stderr,
    outputs: readFileSync(output, 'utf8'),
    left: readdirSync(work).filter(name => !known.has(name)),
  }
}

const actions = [
  'pre-deploy-check',
  'backup-db',
  'restore-db',
  'deploy',
  'health-gate',
  'smoke-test',
  'rollback',
  'health-watch',
]
const production = { environment: 'production' }

describe.each(actions)('%s', action => {
  test.each([
    ['no environment', {}, 'environment is missing; accepted: a name that the runbook has'],
    ['an unknown environment', { environment: 'prod' }, 'environment is "prod"; accepted: production'],
    [
      'a timeout without a unit',
      { ...production, timeout: '10' },
      'timeout is "10"; accepted: a duration like',
    ],
    [
      'a runbook that is not there',
      { ...production, config: 'nowhere.yml' },
      'config: nowhere.yml cannot be read',
    ],
    [
      'a runbook outside',
      { ...production, config: '../runbook.yml' },
      'config is "../runbook.yml"; accepted: a path',
    ],
    ['a leading dash', { environment: '--help' }, 'environment is "--help"; accepted: a name'],
    [
      'a substitution',
      { environment: '$(touch pwned)' },
      'environment is "$(touch pwned)"; accepted: production',
    ],
    ['backticks', { ...production, config: '`touch pwned`' }, 'config: `touch pwned` cannot be read'],
  ])('with %s ends with one clear line, and touches nothing', (_name, inputs, message) => {
    const { code, stdout, outputs, left } = run(action, inputs)
    const errors = stdout.split('\n').filter(line => line.startsWith('::error'))
    expect(code).toBe(1)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toContain(message)
    expect(outputs).toMatch(/reason-code<<(.+)\ninput-invalid\n\1/)
    expect(left).toEqual([])
  })

  test('takes no order from a value', () => {
    const { code, stdout, left } = run(action, {
      environment: 'production\n::set-env name=X::y\n::add-path::/x',
    })
    expect(code).toBe(1)
    expect(stdout.split('\n').filter(line => /^::(?!error title=input-invalid::)/.test(line))).toEqual([])
    expect(left).toEqual([])
  })
})

describe('inputs of their own', () => {
  test.each([
    ['deploy', { image: 'x' }, 'version is missing; accepted: a full semantic version'],
    ['deploy', { version: '1.2' }, 'version is "1.2"; accepted: a full semantic version'],
    ['deploy', { version: 'v1.2.3', 'dry-run': 'maybe' }, 'dry-run is "maybe"; accepted: true or false'],
    ['deploy', { version: 'v1.2.3', manifests: '../k8s', image: 'x' }, 'manifests is "../k8s"; accepted'],
    ['deploy', { version: 'v1.2.3' }, 'image is missing; accepted: an image reference'],
    ['rollback', { settle: 'true', to: 'r1' }, 'to is "r1"; accepted: nothing together with settle'],
    ['backup-db', { verify: 'perhaps' }, 'verify is "perhaps"; accepted: restore, same-server, list, none'],
    [
      'backup-db',
      { destination: 'ftp://x', 'database-url': 'postgres://u:p@127.0.0.1:9/x' },
      'destination is "ftp://x"; accepted: file:///dir or s3://',
    ],
    [
      'check-inputs',
      { image: 'ghcr.io/Acme/Orders', dockerfile: 'Dockerfile' },
      'image is "ghcr.io/Acme/Orders"',
    ],
    ['check-inputs', { version: 'v1.2.3', skip: 'everything' }, 'skip is "everything"; accepted: ids out of'],
    ['health-gate', { memory: '85' }, 'memory is "85"; accepted: a percentage like'],
    ['health-gate', { url: 'nonsense' }, 'url is "nonsense"; accepted: '],
    ['health-gate', { queries: '# of the release\nlag: max(lag)' }, 'queries:2 is "max(lag)"; accepted: an'],
    ['health-gate', { queries: 'lag: max(lag) < 1' }, 'prometheus-url is missing: there are queries'],
    ['smoke-test', { requests: 'many' }, 'requests is "many"; accepted: a whole number'],
    ['smoke-test', { suite: 'nowhere.yml' }, 'nowhere.yml'],
    ['pre-deploy-check', { skip: 'everything' }, 'skip'],
    ['pre-deploy-check', { 'fail-on': 'sometimes' }, 'fail-on is "sometimes"; accepted: fail, warn'],
  ])('%s with %j', (action, inputs, message) => {
    const { code, stdout, outputs } = run(action, { ...production, ...inputs })
    expect(code).toBe(1)
    expect(stdout).toContain(message)
    expect(outputs).toContain('input-invalid')
  })
})

test.each(['bin/runbook.js', 'deploy/dist/index.js', 'deploy/dist/post.js'])(
  '%s says in one sentence that Node is too old',
  file => {
    const old = `Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.20.2'}})`
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(old)}`, join(tree, file)],
      { cwd: work, encoding: 'utf8', env: { PATH: process.env['PATH'] } },
    )
    expect(status).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^x runbook needs Node 24 or newer; this is Node 20\.20\.2 [^\n]+\n$/)
  },
)
