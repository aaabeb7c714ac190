import { describe, expect, test } from '@jest/globals'
import { planGate } from '../../../shared/gate/plan.ts'
import { gateDefaults, type Environment } from '../../../shared/runbook/environment.ts'

const environment = { name: 'staging', url: 'http://localhost:3001', gate: gateDefaults } as Environment
const plan = (gate: Partial<Environment['gate']>, said = {}) =>
  planGate({ ...environment, gate: { ...gateDefaults, ...gate } }, said)

test('the defaults make a window that can end in a pass', () => {
  expect(plan({})).toMatchObject({ rounds: 60, limits: { errors: { allowed: 0.01, passBelow: 0.05 } } })
})

test('what the caller says wins; 0 ms says nothing', () => {
  const { forMs, intervalMs, limits } = plan({}, { forMs: 60_000, intervalMs: 0, memory: 0.5 })
  expect([forMs, intervalMs, limits.resources?.memory]).toEqual([60_000, 500, 0.5])
})

describe('refuses', () => {
  test('an environment without a url', () => {
    expect(() => planGate({ ...environment, url: '' })).toThrow('staging has none')
  })

  test('a window too short ever to pass, and says how long it has to be', () => {
    const attempt = () => plan({ forMs: 10_000, intervalMs: 1_000 })
    expect(attempt).toThrow('is 10 probes, and a pass takes 59')
    expect(attempt).toThrow(
      expect.objectContaining({ hint: 'Set for to 59.0 s at least, or interval to 169ms at most.' }),
    )
  })

  test('the hint is right', () => {
    expect(plan({ forMs: 10_000, intervalMs: 169 }).rounds).toBeGreaterThanOrEqual(59)
  })

  test.each([0, 0.6])('an error rate of %p', errorRate => {
    expect(() => plan({}, { errorRate })).toThrow('error-rate')
  })

  test('an interval that would be a load', () => {
    expect(() => plan({ intervalMs: 5 })).toThrow('50ms or more')
  })

  test('a threshold that nothing would be held against', () => {
    expect(() => plan({ paths: ['/health'] }, { memory: 0.5 })).toThrow('memory cannot be judged')
    expect(plan({ paths: ['/health'] }).limits.resources).toBeUndefined()
  })
})
