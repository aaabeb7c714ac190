import { afterAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InputError } from '../../../shared/outcome/errors.ts'
import { loadEnvironment, parseRunbook, runbookJsonSchema } from '../../../shared/runbook/load.ts'

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

const load = (environment: string, overrides = {}) => {
  writeFileSync(join(root, 'runbook.yml'), runbook)
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
        rpoMs: 3_600_000,
        rtoMs: 4 * 3_600_000,
        shortDays: 2,
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
      'deployment/k8s/prod',
      '../../etc',
      'runbook.yml:7 environments.production.target.manifests is "../../etc"',
    ],
    ['service: runbook-api', 'service: [', 'runbook.yml:'],
  ])('with %s changed to %s is refused by file and line', (from, to, message) => {
    expect(() => parseRunbook('runbook.yml', runbook.replace(from, to))).toThrow(InputError)
    expect(() => parseRunbook('runbook.yml', runbook.replace(from, to))).toThrow(message)
  })

  test('has a schema for editors', () => {
    expect(runbookJsonSchema()).toMatchObject({ type: 'object', required: ['service', 'environments'] })
  })
})
