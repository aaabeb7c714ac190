import { describe, expect, test } from '@jest/globals'
import { leastProbes } from '../../../shared/gate/statistics/evidence-process.ts'
import { extensionOf } from '../../../shared/gate/statistics/extension.ts'
import { worst } from '../../../shared/gate/statistics/judgement.ts'
import { beta, surelyUnder } from '../../../shared/gate/statistics/rate.ts'
import type { Round, Seen } from '../../../shared/gate/statistics/seen.ts'
import { judge, roundsLacking, type GateLimits } from '../../../shared/gate/verdict.ts'
import { independent, seeded } from './probes.ts'

const passBelow = 0.05
const limits: GateLimits = {
  errors: { allowed: 0.01, passBelow },
  latency: undefined,
  thresholds: [],
  instances: [],
  warmUp: { boundMs: 0, excuses: 'starting' },
}
const good: Round = { atMs: 0, failures: [], gaps: [], starting: false, slowestMs: 10 }
const bad: Round = { ...good, failures: ['GET /health: 500'], slowestMs: undefined }
const gap: Round = { ...good, gaps: ['GET /health: no address'], slowestMs: undefined }
const times = <T>(count: number, each: T) => Array.from({ length: count }, () => each)

/** What becomes of a gate whose rounds are those, window first, and then as many as it goes on for. */
function gate(windowRounds: number, rounds: Iterator<Round>, given = limits) {
  const next = () => rounds.next().value as Round
  const seen: Seen = { rounds: Array.from({ length: windowRounds }, next), readings: [], workload: [] }
  seen.windowRounds = windowRounds
  for (let lacking = roundsLacking(seen, given); lacking > 0; lacking = roundsLacking(seen, given))
    seen.rounds.push(...Array.from({ length: lacking }, next))
  const [errors] = judge(seen, given)
  return { verdict: worst(judge(seen, given)), probes: seen.rounds.length, finding: errors?.finding ?? '' }
}
/** Those rounds, and good ones ever after. */
function* then(...rounds: Round[]): Generator<Round> {
  yield* rounds
  for (;;) yield good
}

describe('the extension of a window', () => {
  test.each([
    // A window that passes only without a bad probe: what a single one takes.
    [60, 131],
    [70, 105],
    // Half of it again.
    [120, 180],
    [600, 900],
    // A thousand probes.
    [7_200, 8_200],
    // Too little was measured to pass at all.
    [40, 60],
  ])('of %i probes goes on to %i at most', (window, most) => {
    expect(extensionOf(passBelow, window, beta).most).toBe(most)
  })

  test('leaves the window its own chance, and takes more for the second one', () => {
    const { doubt } = extensionOf(passBelow, 120, beta)
    expect(doubt).toBeLessThan(beta)
    // Two of 124 would do for a window that is over once; after a first chance it takes a few more.
    expect([leastProbes(passBelow, beta, 2), leastProbes(passBelow, doubt, 2)]).toEqual([124, 133])
    // What could not pass before has spent nothing.
    expect(extensionOf(passBelow, 55, beta).doubt).toBe(beta)
  })

  test.each([60, 80, 93, 120, 240])('of %i probes passes an ill service no more often than beta', window => {
    const runs = 5_000
    const { most, doubt } = extensionOf(passBelow, window, beta)
    const least = (doubt: number) =>
      Array.from({ length: 20 }, (_, bad) => leastProbes(passBelow, doubt, bad))
    const [inWindow, since] = [least(beta), least(doubt)]
    let passed = 0
    for (let run = 0; run < runs; run += 1) {
      const faults = independent(seeded(run), passBelow)
      for (let [probes, bad] = [1, 0]; probes <= most; probes += 1) {
        bad += faults.next().value === true ? 1 : 0
        const wanted = probes < window ? Infinity : ((probes === window ? inWindow : since)[bad] ?? Infinity)
        if (probes < wanted) continue
        passed += 1
        break
      }
    }
    // Three standard errors of so many runs.
    expect(passed / runs).toBeLessThan(beta + 3 * Math.sqrt((beta * (1 - beta)) / runs))
  })
})

describe('a gate whose window is over', () => {
  test('and passed makes no further probe', () => {
    expect(gate(60, then())).toMatchObject({ verdict: 'pass', probes: 60 })
    expect(gate(120, then(bad))).toMatchObject({ verdict: 'pass', probes: 120 })
  })

  test('goes on for the probes that it lacks after a lost one, and passes', () => {
    expect(gate(60, then(good, bad))).toMatchObject({ verdict: 'pass', probes: 131 })
    expect(gate(120, then(bad, good, bad))).toMatchObject({ verdict: 'pass', probes: 133 })
    expect(surelyUnder([true, ...times(130, false)])).toBeLessThan(passBelow)
  })

  test('goes on until the last three are good', () => {
    expect(gate(100, then(...times(99, good), bad))).toMatchObject({ verdict: 'pass', probes: 103 })
  })

  test('goes on for what could not be measured', () => {
    expect(gate(60, then(gap, gap))).toMatchObject({ verdict: 'pass', probes: 61 })
  })

  test('goes on once more for a probe that is lost while it goes on, within its bound', () => {
    const later = then(bad, ...times(59, good), bad, ...times(65, good), bad)
    expect(gate(120, later)).toMatchObject({ verdict: 'pass', probes: 163 })
    const most = then(...times(4, [bad, ...times(29, good)]).flat())
    expect(gate(120, most)).toMatchObject({ verdict: 'inconclusive', probes: 120 })
  })

  test('does not go on for what no number of probes within the bound would change', () => {
    const { verdict, probes, finding } = gate(60, then(bad, good, bad))
    expect([verdict, probes]).toEqual(['inconclusive', 60])
    expect(finding).toContain('which takes 124 probes with so many')
    const unmeasured = (function* () {
      for (;;) yield gap
    })()
    expect(gate(60, unmeasured)).toMatchObject({ verdict: 'inconclusive', probes: 60 })
  })

  test('fails in its extension what turns out to be ill', () => {
    const ill = (function* () {
      yield bad
      yield* times(59, good)
      for (;;) yield bad
    })()
    expect(gate(60, ill)).toMatchObject({ verdict: 'fail', probes: 131 })
  })

  test('goes on for its latency as well', () => {
    const slow = { ...good, slowestMs: 500 }
    const latency = { ms: 100, from: 'as configured', allowed: 0.05, passBelow: 0.2 }
    const { verdict, probes } = gate(60, then(...times(8, [slow, ...times(6, good)]).flat()), {
      ...limits,
      latency,
    })
    expect(verdict).toBe('pass')
    expect(probes).toBeGreaterThan(60)
    expect(probes).toBeLessThanOrEqual(90)
  })
})
