import { afterEach, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { smokeTest, smokeTestFields } from '../../../shared/commands/verify/smoke-test.ts'
import { environmentAt, realPorts } from '../gate/ports.ts'
import { startReferenceService, type ReferenceService } from '../gate/reference-service.ts'

let service: ReferenceService | undefined
afterEach(async () => {
  await service?.stop()
  service = undefined
})

async function smoke(faults: Record<string, string>, said: Record<string, string> = {}) {
  service = await startReferenceService('smoke', faults)
  return smokeAt(service, said)
}

function smokeAt(service: ReferenceService, said: Record<string, string> = {}) {
  const inputs = parseInputs(smokeTestFields, name => ({ environment: 'staging', ...said })[name] ?? '')
  return smokeTest(environmentAt(service.url), inputs, realPorts())
}

describe('the smoke test and the reference service', () => {
  test("that is well: the guide's endpoints, and a load at its rate", async () => {
    const outcome = await smoke({}, { requests: '300', 'max-p95': '1s' })
    expect(outcome).toMatchObject({ status: 'success', outputs: { passed: '5', failed: '0' } })
    const [rps, p50, p95, p99] = ['rps', 'p50-ms', 'p95-ms', 'p99-ms'].map(name =>
      Number(outcome.outputs[name]),
    )
    expect(rps).toBeGreaterThan(0)
    expect(rps).toBeLessThan(210)
    expect([p50, p95, p99].toSorted((a = 0, b = 0) => a - b)).toEqual([p50, p95, p99])
  })

  test('takes a suite that creates, uses and removes what it needs', async () => {
    const outcome = await smoke({}, { suite: 'test/e2e/smoke/users.yml', requests: '20' })
    expect(outcome.evidence.filter(({ tone }) => tone === 'bad')).toEqual([])
    expect(outcome.outputs).toMatchObject({ passed: '6', failed: '0' })
  })

  test('its results as JUnit XML, as readers of it check that', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'junit-'))
    const junit = join(folder, 'reports/smoke.xml')
    const schema = join(import.meta.dirname, 'junit.xsd')
    const valid = () => execFileSync('xmllint', ['--noout', '--schema', schema, junit], { stdio: 'pipe' })
    try {
      const running = (service = await startReferenceService('smoke', { FAULT_LATENCY: '100ms' }))
      const well = await smokeAt(running, { requests: '20', junit })
      expect(well.outputs).toMatchObject({ passed: '5', junit })
      valid()
      expect(readFileSync(junit, 'utf8')).toContain('tests="5" failures="0" errors="0" skipped="0"')

      writeFileSync(
        join(folder, 'suite.yml'),
        `name: <ill> & "well"
requests:
  - { name: "a & <b>", path: /api/v1/users/0, expect: { status: 200 }, capture: { id: user.id } }
  - { name: needs it, path: '/api/v1/users/\${id}' }
  - { name: too late, path: /api/v1/status, timeout: 20ms }
`,
      )
      const ill = await smokeAt(running, { suite: join(folder, 'suite.yml'), junit })
      expect(ill.status).toBe('failure')
      valid()
      expect(readFileSync(junit, 'utf8')).toContain('tests="4" failures="1" errors="1" skipped="2"')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('that is slow: the load fails on its p95', async () => {
    const outcome = await smoke({ FAULT_LATENCY: '150ms' }, { requests: '30', 'max-p95': '100ms' })
    expect(outcome).toMatchObject({ status: 'failure', reason: 'smoke-failed', outputs: { failed: '1' } })
    expect(outcome.summary).toContain('p95')
    expect(Number(outcome.outputs['p50-ms'])).toBeGreaterThanOrEqual(150)
  })

  test('that fails now and then: the load ends early', async () => {
    const suite = 'test/e2e/smoke/health-only.yml'
    const outcome = await smoke({ FAULT_ERROR_RATE: '0.3' }, { suite, requests: '5000' })
    expect(outcome).toMatchObject({ status: 'failure', outputs: { passed: '1', failed: '1' } })
    expect(outcome.evidence[1]?.finding).toMatch(/stopped after \d{2,3} of 5000/)
  })

  test('that has lost its database: the suite names what is not as expected', async () => {
    service = await startReferenceService('smoke', { FAULT_DATABASE_LOST: '1s' })
    const status = `${service.url}/api/v1/status`
    while ((await fetch(status)).status !== 503);
    const outcome = await smokeAt(service)
    expect(outcome.status).toBe('failure')
    expect(outcome.evidence.find(({ tone }) => tone === 'bad')).toMatchObject({
      subject: 'GET /api/v1/status (status)',
      finding: expect.stringContaining('503, expected 200'),
    })
    expect(outcome.outputs['rps']).toBe('')
  })
})
