import { describe, expect, test } from '@jest/globals'
import { surelyUnder } from '../../../shared/gate/statistics/rate.ts'
import { planGate } from '../../../shared/gate/plan.ts'
import type { Baseline } from '../../../shared/release/baseline.ts'
import type { Condition } from '../../../shared/config/schema/condition.ts'
import { gateDefaults, type Environment } from '../../../shared/config/environment.ts'

const monitoring = { prometheus: '', grafana: '', pushgateway: '' }
const environment = {
  name: 'staging',
  url: 'http://localhost:3001',
  gate: gateDefaults,
  monitoring,
} as Environment
const plan = (gate: Partial<Environment['gate']>, said = {}) =>
  planGate({ ...environment, gate: { ...gateDefaults, ...gate } }, said)

test('the defaults make a window that can end in a pass, also when one probe is lost', () => {
  const { rounds, limits } = plan({})
  expect({ rounds, errors: limits.errors }).toEqual({
    rounds: 120,
    errors: { allowed: 0.01, passBelow: 0.05 },
  })
  const trail = Array.from({ length: rounds }, (_, round) => round === 60)
  expect(surelyUnder(trail)).toBeLessThan(limits.errors.passBelow)
})

test('what the caller says wins; 0 ms says nothing', () => {
  const { forMs, intervalMs, limits } = plan({}, { forMs: 60_000, intervalMs: 0, memory: 0.5 })
  expect([forMs, intervalMs, limits.thresholds[0]?.limit]).toEqual([60_000, 500, 0.5])
})

describe('a baseline', () => {
  const baseline = (ms: (number | null)[], over = {}): Baseline => ({ at: '', ms, failed: 0, over })
  const latency = (ms: (number | null)[], configured = 0) =>
    planGate(
      { ...environment, gate: { ...gateDefaults, latencyMs: configured } },
      {},
      { baseline: baseline(ms), warmUpsMs: [] },
    ).limits.latency

  test('bounds the latency by the upper confidence bound of its 95th percentile', () => {
    expect(latency([...Array<number>(59).fill(120), 180])).toMatchObject({ ms: 180, allowed: 0.05 })
  })

  test('does not judge what people do not notice, nor win over what is configured', () => {
    expect(latency(Array<number>(60).fill(4))?.ms).toBe(100)
    expect(latency(Array<number>(60).fill(180), 50)?.ms).toBe(50)
  })

  test('counts only when there is enough of it', () => {
    expect(latency(Array<number>(58).fill(120))).toBeUndefined()
    expect(latency([...Array<number>(58).fill(120), null, null])).toBeUndefined()
  })

  test('remembers what was over before', () => {
    const { thresholds } = planGate(
      environment,
      {},
      { baseline: baseline([], { memory: 0.9 }), warmUpsMs: [] },
    ).limits
    expect(thresholds.map(({ signal, before }) => [signal, before])).toEqual([
      ['memory', 0.9],
      ['cpu', undefined],
      ['disk', undefined],
    ])
  })
})

describe('conditions', () => {
  const lag: Condition = { name: 'lag', expr: 'max(lag)', operator: '<', limit: 0.2, where: 'queries:1' }

  test('of metrics and queries become thresholds; the caller wins over the runbook', () => {
    const { limits, prometheus } = plan(
      { metrics: [lag], queries: [lag] },
      { prometheus: 'http://p', queries: [{ ...lag, limit: 3 }] },
    )
    expect(limits.thresholds.slice(3).map(({ signal, limit }) => [signal, limit])).toEqual([
      ['metric lag', 0.2],
      ['query lag', 3],
    ])
    expect(prometheus).toBe('http://p')
  })

  test('of queries need a Prometheus', () => {
    expect(() => plan({ queries: [lag] })).toThrow('prometheus-url is missing')
  })
})

test('a path of which something is expected is probed too', () => {
  const { endpoints } = plan({ paths: ['/health'], expect: { '/ready': { status: 'ok' } } })
  expect(endpoints).toEqual([
    { path: '/health', json: {}, judged: 'content' },
    { path: '/ready', json: { status: 'ok' }, judged: 'content' },
  ])
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
    expect(plan({ paths: ['/health'] }).limits.thresholds).toEqual([])
  })
})
