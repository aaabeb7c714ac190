import { afterEach, describe, expect, test } from '@jest/globals'
import { planGate } from '../../../shared/gate/plan.ts'
import { watch } from '../../../shared/gate/run.ts'
import { healthGate, healthGateFields } from '../../../shared/commands/verify/health-gate.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { environmentAt, realPorts } from './ports.ts'
import { startReferenceService, type ReferenceService } from './reference-service.ts'

let service: ReferenceService | undefined
afterEach(async () => {
  await service?.stop()
  service = undefined
})

async function gateOf(faults: Record<string, string>, latencyMs = 0) {
  service = await startReferenceService('gate', faults)
  const environment = environmentAt(service.url)
  return watch(planGate({ ...environment, gate: { ...environment.gate, latencyMs } }), realPorts())
}

describe('the gate and the reference service', () => {
  test('that is well: pass, with what it measured', async () => {
    const { verdict, probes, failed, evidence } = await gateOf({})
    expect({ verdict, probes, failed }).toEqual({ verdict: 'pass', probes: 60, failed: 0 })
    expect(evidence.map(({ subject, tone }) => [subject, tone])).toEqual([
      ['errors', 'good'],
      ['memory', 'good'],
      ['cpu', 'good'],
      ['disk', 'good'],
    ])
    expect(evidence[3]?.finding).toMatch(/% of file system of /)
  })

  test('that fails a third of its requests: fail, long before the window is over', async () => {
    const { verdict, probes, evidence } = await gateOf({ FAULT_ERROR_RATE: '0.33' })
    expect(verdict).toBe('fail')
    expect(probes).toBeLessThan(60)
    expect(evidence).toContainEqual(
      expect.objectContaining({ subject: 'GET /api/v1/status', finding: expect.stringMatching(/^500 \(/) }),
    )
  })

  test('that is slow: fail when latency is judged, else not', async () => {
    const { verdict, evidence } = await gateOf({ FAULT_LATENCY: '200ms' }, 100)
    expect(verdict).toBe('fail')
    expect(evidence.find(({ subject }) => subject === 'latency')?.finding).toContain('slower than 100 ms')
    await service?.stop()
    expect((await gateOf({ FAULT_LATENCY: '200ms' })).verdict).toBe('pass')
  })

  test('that loses its database: fail, and the cause is named', async () => {
    const { verdict, evidence } = await gateOf({ FAULT_DATABASE_LOST: '1s' })
    expect(verdict).toBe('fail')
    expect(evidence.at(-1)?.finding).toContain('database is down')
  })

  test('that crashes after its start: fail', async () => {
    const { verdict, evidence } = await gateOf({ FAULT_CRASH_AFTER: '1s' })
    expect(verdict).toBe('fail')
    expect(evidence).toContainEqual(
      expect.objectContaining({ finding: expect.stringMatching(/^connection (refused|ended)/) }),
    )
  })
})

describe('the step', () => {
  const inputsOf = (said: Record<string, string>) =>
    parseInputs(healthGateFields, name => ({ environment: 'staging', ...said })[name] ?? '')

  test('says what it saw, and that the ledger could not be reached', async () => {
    service = await startReferenceService('gate')
    const inputs = inputsOf({ url: `${service.url}/`, latency: '5s' })
    const outcome = await healthGate(environmentAt('http://elsewhere.invalid'), inputs, realPorts())
    expect(outcome).toMatchObject({
      status: 'success',
      reason: 'done',
      outputs: { verdict: 'pass', 'failed-probes': '0' },
    })
    expect(outcome.evidence.at(-1)).toMatchObject({ subject: 'ledger', tone: 'warn' })
  })

  test('fails with the cause in its summary', async () => {
    const environment = environmentAt('http://127.0.0.1:1')
    const outcome = await healthGate(environment, inputsOf({}), realPorts())
    expect(outcome).toMatchObject({ status: 'failure', reason: 'gate-failed', outputs: { verdict: 'fail' } })
    expect(outcome.summary).toMatch(
      /it never answered 2xx in the 20(?:\.0)? ?s that it may warm up: (\d+) of \1 probes failed/,
    )
  })

  test('is inconclusive when it cannot measure', async () => {
    const environment = environmentAt('http://no-such-host.invalid')
    const outcome = await healthGate(environment, inputsOf({ for: '4s' }), realPorts())
    expect(outcome).toMatchObject({ status: 'inconclusive', reason: 'gate-inconclusive' })
  })

  test('refuses a window that cannot pass, before it probes', async () => {
    const environment = environmentAt('http://127.0.0.1:1')
    const outcome = await healthGate(environment, inputsOf({ for: '1s' }), realPorts())
    expect(outcome).toMatchObject({ status: 'failure', reason: 'input-invalid', outputs: {} })
    expect(outcome.summary).toContain('a pass takes 59')
  })

  test('refuses a window that is longer than its timeout', async () => {
    const outcome = await healthGate(
      environmentAt('http://127.0.0.1:1'),
      inputsOf({ for: '1m', timeout: '30s' }),
      realPorts(),
    )
    expect(outcome).toMatchObject({ reason: 'input-invalid', summary: expect.stringContaining('timeout') })
  })
})
