import { describe, expect, test } from '@jest/globals'
import {
  isDoomed,
  judge,
  leastRounds,
  worst,
  type GateLimits,
  type Round,
  type Verdict,
} from '../../../shared/gate/verdict.ts'

const limits: GateLimits = {
  errors: { allowed: 0.01, passBelow: 0.05 },
  latency: undefined,
  resources: undefined,
}
const withLatency = { ...limits, latency: { ms: 100, allowed: 0.05, passBelow: 0.2 } }
const withResources = { ...limits, resources: { memory: 0.85, cpu: 0.8, disk: 0.9 } }

const good: Round = { atMs: 0, failures: [], gaps: [], slowestMs: 10, readings: {} }
const bad: Round = { ...good, failures: ['GET /health: 500'], slowestMs: undefined }
const gap: Round = { ...good, gaps: ['GET /health: no address'], slowestMs: undefined }
const using = (memory: number): Round => ({
  ...good,
  readings: {
    memory: { share: memory, of: 'container limit' },
    cpu: { share: 0.1, of: 'host' },
    disk: { share: 0.1, of: '/' },
  },
})
const times = (count: number, round: Round) => Array.from({ length: count }, () => round)
const verdict = (rounds: Round[], given: GateLimits = limits): Verdict => worst(judge(rounds, given))

describe('errors', () => {
  test('pass only with enough good rounds to be sure', () => {
    expect(verdict(times(58, good))).toBe('inconclusive')
    expect(verdict(times(59, good))).toBe('pass')
    expect(leastRounds(limits)).toBe(59)
  })

  test('fail at once when a service is down', () => {
    expect(isDoomed([bad], limits)).toBe(false)
    expect(isDoomed([bad, bad], limits)).toBe(true)
  })

  test('fail soon when a service goes down after a good minute', () => {
    const before = times(60, good)
    const needed = Array.from({ length: 20 }, (_, count) => count).find(count =>
      isDoomed([...before, ...times(count, bad)], limits),
    )
    expect(needed).toBeLessThanOrEqual(5)
  })

  test('one failure in a hundred is neither a failure nor, until enough is known, a pass', () => {
    const mostlyGood = [...times(50, good), bad, ...times(49, good)]
    expect(verdict(mostlyGood.slice(0, 60))).toBe('inconclusive')
    expect(verdict(mostlyGood)).toBe('pass')
    expect(isDoomed(mostlyGood, limits)).toBe(false)
  })

  test('a failure among the last three rounds is never a pass', () => {
    expect(verdict([...times(200, good), bad, good])).toBe('inconclusive')
    expect(verdict([...times(200, good), bad, good, good, good])).toBe('pass')
  })

  test('what could not be measured is no good round and no bad one', () => {
    expect(verdict(times(500, gap))).toBe('inconclusive')
    expect(verdict([...times(58, good), ...times(500, gap)])).toBe('inconclusive')
    expect(verdict([...times(59, good), ...times(500, gap)])).toBe('pass')
    expect(verdict([])).toBe('inconclusive')
  })

  test('a round that is bad and has a gap too is bad', () => {
    expect(isDoomed(times(2, { ...bad, gaps: ['GET /x: no address'] }), limits)).toBe(true)
  })
})

describe('latency', () => {
  const slow = { ...good, slowestMs: 101 }

  test('a service that is slow fails though it answers', () => {
    expect(verdict(times(20, slow), withLatency)).toBe('fail')
    expect(isDoomed(times(6, slow), withLatency)).toBe(true)
  })

  test('a few slow answers are within a 95th percentile', () => {
    expect(verdict([...times(3, slow), ...times(97, good)], withLatency)).toBe('pass')
  })

  test('without any answer it is undecided', () => {
    expect(judge(times(60, gap), withLatency).map(each => each.verdict)).toEqual([
      'inconclusive',
      'inconclusive',
    ])
  })
})

describe('resources', () => {
  test('over the threshold in the whole last third fails, and only at the end', () => {
    const leaking = [...times(40, using(0.5)), ...times(20, using(0.9))]
    expect(verdict(leaking, withResources)).toBe('fail')
    expect(isDoomed(leaking, withResources)).toBe(false)
  })

  test('a peak while the service starts is no failure', () => {
    expect(verdict([...times(30, using(0.95)), ...times(30, using(0.5))], withResources)).toBe('pass')
  })

  test('exactly at the threshold is over: the guide wants less', () => {
    expect(verdict(times(60, using(0.85)), withResources)).toBe('fail')
    expect(verdict(times(60, using(0.8499)), withResources)).toBe('pass')
  })

  test('a threshold of 100% is never crossed', () => {
    const lax = { ...limits, resources: { memory: 1, cpu: 1, disk: 1 } }
    expect(verdict(times(60, using(1)), lax)).toBe('pass')
  })

  test('without readings there is no pass', () => {
    expect(verdict(times(60, good), withResources)).toBe('inconclusive')
    expect(verdict([...times(58, good), using(0.1), using(0.1)], withResources)).toBe('inconclusive')
  })

  test('the finding names what the share is of', () => {
    const memory = judge(times(60, using(0.5)), withResources).find(({ metric }) => metric === 'memory')
    expect(memory?.finding).toContain('50% of container limit')
  })
})
