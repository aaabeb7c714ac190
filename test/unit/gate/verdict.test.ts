import { describe, expect, test } from '@jest/globals'
import { worst, type Verdict } from '../../../shared/gate/statistics/judgement.ts'
import type { Reading, Round, Seen } from '../../../shared/gate/statistics/seen.ts'
import { overIn, type Threshold } from '../../../shared/gate/statistics/threshold.ts'
import { isDoomed, judge, leastRounds, type GateLimits } from '../../../shared/gate/verdict.ts'

const limits: GateLimits = {
  errors: { allowed: 0.01, passBelow: 0.05 },
  latency: undefined,
  thresholds: [],
  instances: [],
  warmUp: { boundMs: 0, excuses: 'starting' },
}
const withLatency = { ...limits, latency: { ms: 100, from: 'as configured', allowed: 0.05, passBelow: 0.2 } }

const good: Round = { atMs: 0, failures: [], gaps: [], starting: false, slowestMs: 10 }
const bad: Round = { ...good, failures: ['GET /health: 500'], slowestMs: undefined }
const gap: Round = { ...good, gaps: ['GET /health: no address'], slowestMs: undefined }
const times = <T>(count: number, each: T) => Array.from({ length: count }, () => each)
const seen = (rounds: Round[]): Seen => ({ rounds, readings: [], workload: [] })
const verdict = (rounds: Round[], given = limits): Verdict => worst(judge(seen(rounds), given))
const doomed = (rounds: Round[], given = limits) => isDoomed(seen(rounds), given)

describe('errors', () => {
  test('pass only with enough good rounds to be sure', () => {
    expect(verdict(times(58, good))).toBe('inconclusive')
    expect(verdict(times(59, good))).toBe('pass')
    expect(leastRounds(limits)).toBe(59)
  })

  test('fail within 15 rounds when a service is down, and not for a burst', () => {
    expect(doomed(times(5, bad))).toBe(false)
    expect(doomed(times(15, bad))).toBe(true)
  })

  test('fail soon when a service goes down after a good minute', () => {
    const before = times(60, good)
    const needed = Array.from({ length: 60 }, (_, count) => count).find(count =>
      doomed([...before, ...times(count, bad)]),
    )
    expect(needed).toBeLessThanOrEqual(25)
  })

  test('one failure in a hundred is neither a failure nor, until enough is known, a pass', () => {
    const mostlyGood = [...times(50, good), bad, ...times(49, good)]
    expect(verdict(mostlyGood.slice(0, 60))).toBe('inconclusive')
    expect(verdict(mostlyGood)).toBe('pass')
    expect(doomed(mostlyGood)).toBe(false)
  })

  test('a failure among the last three rounds is never a pass', () => {
    expect(verdict([...times(200, good), bad, good])).toBe('inconclusive')
    expect(verdict([...times(200, good), bad, good, good, good])).toBe('pass')
  })

  test('failures in one burst leave more doubt than as many that are spread', () => {
    const burst = [...times(40, good), ...times(3, bad), ...times(157, good)]
    const spread = times(200, good).map((round, index) => (index % 60 === 20 ? bad : round))
    expect(spread.filter(({ failures }) => failures.length > 0)).toHaveLength(3)
    expect(verdict(spread)).toBe('pass')
    expect(judge(seen(burst), limits)[0]).toMatchObject({
      verdict: 'inconclusive',
      finding: expect.stringContaining('bad ones in a row leave more doubt'),
    })
  })

  test('says how many probes a pass would have taken', () => {
    const [errors] = judge(seen([...times(30, good), bad, ...times(29, good)]), limits)
    expect(errors?.finding).toContain('a pass needs 5%, which takes 93 probes with so many')
  })

  test('what could not be measured is no good round and no bad one', () => {
    expect(verdict(times(500, gap))).toBe('inconclusive')
    expect(verdict([...times(58, good), ...times(500, gap)])).toBe('inconclusive')
    expect(verdict([...times(500, gap), ...times(59, good)])).toBe('pass')
    expect(verdict([])).toBe('inconclusive')
  })

  test('a service that cannot be reached any more is never a pass, however well it was', () => {
    const lost = [...times(200, good), ...times(500, gap)]
    expect(judge(seen(lost), limits)[0]).toMatchObject({
      verdict: 'inconclusive',
      finding: expect.stringContaining('but one of the last 3 could not be measured'),
    })
    expect(verdict([...times(200, good), gap, good, good])).toBe('inconclusive')
    expect(verdict([...times(200, good), gap, good, good, good])).toBe('pass')
  })

  test('a round that is bad and has a gap too is bad', () => {
    expect(doomed(times(15, { ...bad, gaps: ['GET /x: no address'] }))).toBe(true)
  })
})

describe('latency', () => {
  const slow = { ...good, slowestMs: 101 }

  test('a service that is slow fails though it answers', () => {
    expect(verdict(times(25, slow), withLatency)).toBe('fail')
    expect(doomed(times(25, slow), withLatency)).toBe(true)
  })

  test('a few slow answers are within a 95th percentile', () => {
    expect(verdict([...times(3, slow), ...times(97, good)], withLatency)).toBe('pass')
  })

  test('without any answer it is undecided', () => {
    expect(judge(seen(times(60, gap)), withLatency).map(each => each.verdict)).toEqual([
      'inconclusive',
      'inconclusive',
    ])
  })
})

describe('a threshold', () => {
  const memory: Threshold = { signal: 'memory', operator: '<', limit: 0.85, unit: 'share', before: undefined }
  const readings = (values: (number | string)[]) =>
    values.map((value, index): Reading => {
      const at = { signal: 'memory', atMs: index * 500 }
      return typeof value === 'string' ? { ...at, gap: value } : { ...at, value, of: 'container limit' }
    })
  const judged = (values: (number | string)[], threshold = memory) => {
    const all = judge(
      { ...seen(times(60, good)), readings: readings(values) },
      { ...limits, thresholds: [threshold] },
    )
    return all[1] ?? { verdict: 'none', finding: '' }
  }

  test('crossed in the whole last third fails, and only at the end', () => {
    expect(judged([...times(40, 0.5), ...times(20, 0.9)]).verdict).toBe('fail')
    expect(doomed(times(60, good), { ...limits, thresholds: [memory] })).toBe(false)
  })

  test('a peak while the service starts is no failure', () => {
    expect(judged([...times(30, 0.95), ...times(30, 0.5)]).verdict).toBe('pass')
  })

  test('exactly at the threshold is over: the guide wants less', () => {
    expect(judged(times(60, 0.85)).verdict).toBe('fail')
    expect(judged(times(60, 0.8499)).verdict).toBe('pass')
  })

  test('an infinite one is never crossed', () => {
    expect(judged(times(60, 1), { ...memory, limit: Infinity })).toMatchObject({
      verdict: 'pass',
      finding: '100% of container limit (from 100% to 100%; no threshold)',
    })
    expect(judged(times(60, 'it is not told'), { ...memory, limit: Infinity })).toMatchObject({
      verdict: 'pass',
      finding: 'it is not told (no threshold)',
    })
  })

  test('without readings, with few, or with a gap at the end there is no pass', () => {
    expect(judged([]).verdict).toBe('inconclusive')
    expect(judged([0.1, 0.1]).verdict).toBe('inconclusive')
    expect(judged([...times(59, 0.1), 'it is NaN'])).toMatchObject({
      verdict: 'inconclusive',
      finding: 'it is NaN',
    })
    expect(judged([...times(40, 0.1), ...times(18, 'no answer'), 0.1, 0.1])).toMatchObject({
      verdict: 'inconclusive',
      finding: '42 readings: too few to judge (no answer)',
    })
  })

  test('one that was over before the release warns, and the gate passes', () => {
    const { verdict: tone, finding } = judged(times(60, 0.91), { ...memory, before: 0.9 })
    expect(tone).toBe('warn')
    expect(finding).toContain('it was so before the deploy too (90%)')
    expect(judged(times(60, 0.5), { ...memory, before: 0.9 }).verdict).toBe('pass')
  })

  test('was over before only when all of the readings were', () => {
    expect(overIn([memory], readings(times(5, 0.9)))).toEqual({ memory: 0.9 })
    expect(overIn([memory], readings([0.9, 0.8, 0.9]))).toEqual({})
    expect(overIn([memory], readings(['gap']))).toEqual({})
  })
})
