import { afterAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadEnvironment } from '../../../shared/config/load.ts'
import { deploy } from '../../../shared/commands/deploy/deploy.ts'
import { deployFields } from '../../../shared/commands/deploy/deploy-fields.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { preDeployCheck, preDeployCheckFields } from '../../../shared/commands/check/pre-deploy-check.ts'
import { deployGated } from '../../../shared/commands/promote/promote.ts'
import { planVerification } from '../../../shared/commands/verify/verification.ts'
import { realPorts } from '../../e2e/gate/ports.ts'

const root = mkdtempSync(join(tmpdir(), 'verification-'))
afterAll(() => rmSync(root, { recursive: true }))

/** A runbook whose environment says this, from line 6 on. */
function load(lines: string) {
  const text = `service: api
environments:
  staging:
    target: { kind: docker, container: api, ports: ['3001:3000'] }
    url: http://localhost:1
${lines}`
  writeFileSync(join(root, 'runbook.yml'), text)
  return loadEnvironment({ root, config: 'runbook.yml', environment: 'staging', overrides: {} })
}

const suite = (text: string) => writeFileSync(join(root, 'smoke.yml'), text)

describe('the gate and the smoke test of a runbook', () => {
  test('are told in one line when they can be made', async () => {
    expect(await planVerification(load(''))).toBe(
      '120 probes of /health and /api/v1/status in 1 min 0 s; 4 requests of the guide, and a load of 1000',
    )
    expect(await planVerification({ ...load(''), url: '' })).toBe('')
  })

  test.each([
    [
      '    gate:\n      interval: 1s\n      for: 10s\n',
      'runbook.yml:8 environments.staging.gate.for: 10.0 s at an interval of 1.0 s is 10 probes, and a pass takes 59',
    ],
    ['    smoke: { suite: smoke.yml }\n', 'smoke.yml:3 requests.0.expect.stauts is not a key'],
    ['    smoke: { suite: none.yml }\n', 'none.yml cannot be read'],
  ])('are refused with their line: %j', async (lines, message) => {
    suite('name: own\nrequests:\n  - { name: one, path: /, expect: { stauts: 200 } }\n')
    await expect(planVerification(load(lines))).rejects.toThrow(
      expect.objectContaining({
        message: expect.stringContaining(message),
        hint: expect.stringMatching(/\w/),
      }),
    )
  })

  test('are a check, which passes once its remedy was followed', async () => {
    const look = (lines: string) => {
      const read = (key: string) => ({ environment: 'staging', checks: 'verification' })[key] ?? ''
      return preDeployCheck(load(lines), parseInputs(preDeployCheckFields, read), realPorts())
    }
    const { status, next } = await look('    gate: { for: 10s, interval: 1s }\n')
    expect([status, next]).toEqual(['failure', 'Set for to 59.0 s at least, or interval to 169ms at most.'])
    expect(await look('    gate: { for: 10s, interval: 169ms }\n')).toMatchObject({ status: 'success' })
  })

  test('come after the env-file: one that lacks what the runbook requires is refused', async () => {
    writeFileSync(join(root, '.env'), 'A=1\n', { mode: 0o600 })
    const read = (key: string) => ({ environment: 'staging', version: 'v1.0.0', image: 'x' })[key] ?? ''
    const touched = () => Promise.reject(new Error('the target was asked'))
    const environment = load('    env-file: .env\n    requires: [A, STRIPE_KEY]\n')
    const ended = await deploy(
      environment,
      parseInputs(deployFields, read),
      realPorts({ openTarget: touched }),
    )
    expect(ended).toMatchObject({ status: 'failure', reason: 'input-invalid' })
    expect(ended.summary).toContain('.env: STRIPE_KEY missing; the runbook requires them')
  })

  test('keep a deploy from beginning: its target is not even asked', async () => {
    const inputs = parseInputs(
      deployFields,
      key => ({ environment: 'staging', version: 'v1.0.0', image: 'x' })[key] ?? '',
    )
    const touched = () => Promise.reject(new Error('the target was asked'))
    const ended = await deploy(load('    gate: { for: 1s }\n'), inputs, realPorts({ openTarget: touched }))
    expect(ended).toMatchObject({ status: 'failure', reason: 'input-invalid' })
    expect(ended.summary).toContain('runbook.yml:6 environments.staging.gate.for')
  })

  test.each<[string, string, Record<string, string>, string]>([
    ['a url', '', {}, 'url is missing'],
    [
      'a Prometheus to ask',
      "    gate: { queries: { lag: 'max(lag) < 1' } }\n",
      {},
      'prometheus-url is missing',
    ],
    ['time for its window', '    gate: { for: 2m }\n', { timeout: '90s' }, 'timeout is "1 min 30 s"'],
    ['time for its load', '    smoke: { requests: 200000 }\n', {}, 'requests is 200000, which takes 16 min'],
  ])('keep a promotion without %s from deploying', async (what, lines, said, message) => {
    const environment = load(lines)
    const read = (key: string) =>
      ({ environment: 'staging', version: 'v1.0.0', image: 'x', ...said })[key] ?? ''
    const touched = () => Promise.reject(new Error('the target was asked'))
    const told: string[] = []
    const ended = await deployGated(
      what === 'a url' ? { ...environment, url: '' } : environment,
      read,
      realPorts({ openTarget: touched }),
      ({ step }) => void told.push(step),
    )
    expect(ended).toMatchObject({ status: 'failure', reason: 'input-invalid' })
    expect(ended.summary).toContain(message)
    expect(told).toEqual(['deploy'])
  })
})
