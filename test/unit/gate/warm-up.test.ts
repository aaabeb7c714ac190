import { describe, expect, test } from '@jest/globals'
import { describe as describeGate } from '../../../shared/gate/describe.ts'
import type { GatePlan } from '../../../shared/gate/plan.ts'
import { worst } from '../../../shared/gate/statistics/judgement.ts'
import type { Round, Seen } from '../../../shared/gate/statistics/seen.ts'
import {
  alpha,
  isDoomed,
  judge,
  leastRounds,
  roundsToMake,
  warmUpOfSeen,
  type GateLimits,
} from '../../../shared/gate/verdict.ts'
import { defaultWarmUpMs, warmUpOf, type WarmUpRule } from '../../../shared/gate/warm-up.ts'
import { inBursts, independent, seeded } from './probes.ts'

const intervalMs = 500
const latency = { ms: 100, from: 'as configured', allowed: 0.05, passBelow: 0.2 }
const limitsWith = (warmUp: WarmUpRule): GateLimits => ({
  errors: { allowed: 0.01, passBelow: 0.05 },
  latency,
  thresholds: [],
  instances: [],
  warmUp,
})
const guessed = limitsWith({ boundMs: 20_000, excuses: 'starting' })
const window = 80

const good = { failures: [], gaps: [], starting: false, slowestMs: 10 }
const slow = { ...good, slowestMs: 410 }
const unready = { ...good, failures: ['GET /healthz: 503'], starting: true, slowestMs: undefined }
const broken = { ...good, failures: ['GET /healthz: 500'], slowestMs: undefined }
type Look = Omit<Round, 'atMs'>

/** What a gate sees of a service: rounds until it has decided, as `watch` makes them. */
function watched(service: (atMs: number) => Look, limits: GateLimits, instances = 1): Seen {
  const vitals = (index: number) => ({
    instance: `pod ${index}`,
    ready: true,
    restarts: 0,
    lastEnd: '',
    outOfMemory: false,
  })
  const workload = [{ atMs: 0, instances: Array.from({ length: instances }, (_, index) => vitals(index)) }]
  const seen: Seen = { rounds: [], readings: [], workload }
  const least = leastRounds(limits)
  // A good round never adds to what speaks against a service.
  const isDone = () => seen.rounds.at(-1)?.slowestMs !== good.slowestMs && isDoomed(seen, limits)
  for (let index = 0; !isDone(); index += 1) {
    const all = roundsToMake(warmUpOfSeen(seen, limits), window, least)
    if (all !== undefined && index >= all) break
    seen.rounds.push({ atMs: index * intervalMs, ...service(index * intervalMs) })
  }
  return seen
}

function gate(service: (atMs: number) => Look, limits = guessed, instances = 1) {
  const seen = watched(service, limits, instances)
  const judgements = judge(seen, limits)
  const plan = { limits, baseline: undefined } as GatePlan
  const told = describeGate(judgements, seen, plan).find(({ subject }) => subject === 'warm-up')?.finding
  const because = judgements.find(({ verdict }) => verdict === 'fail')?.finding ?? ''
  return { verdict: worst(judgements), atMs: seen.rounds.length * intervalMs, because, told }
}

describe('a release that was just started', () => {
  test('and is slow for its first seconds passes, with a word about its beginning', () => {
    const { verdict, told, atMs } = gate(ms => (ms < 9_500 ? slow : good))
    expect(verdict).toBe('pass')
    expect(told).toBe(
      'of its first 19 probes 19 were slower than 100 ms; it was steady from 9.5 s on, and is judged from there',
    )
    // The whole window, from the end of its warm-up on.
    expect(atMs).toBe(9_500 + 5 * intervalMs + window * intervalMs)
  })

  test('and answers 503 for its first seconds passes', () => {
    const { verdict, told } = gate(ms => (ms < 6_000 ? unready : good))
    expect(verdict).toBe('pass')
    expect(told).toContain('of its first 12 probes 12 failed (GET /healthz: 503)')
  })

  test('and is slow for ever fails as soon as its warm-up is over', () => {
    const { verdict, because, atMs } = gate(() => slow)
    expect(verdict).toBe('fail')
    expect(because).toContain('slower than 100 ms')
    expect(because).toContain('it was never faster in the 20.0 s that it may warm up')
    expect(atMs).toBeLessThanOrEqual(20_500)
  })

  test('and never answers 2xx fails, and that is said', () => {
    const { verdict, because, atMs } = gate(() => unready)
    expect(verdict).toBe('fail')
    expect(because).toContain('it never answered 2xx in the 20.0 s that it may warm up')
    expect(atMs).toBeLessThanOrEqual(20_500)
  })

  test('and becomes slow later fails', () => {
    const { verdict, because, atMs } = gate(ms => (ms < 15_000 ? good : slow))
    expect([verdict, because]).toEqual(['fail', expect.stringContaining('slower than 100 ms')])
    expect(atMs).toBeLessThan(40_000)
  })

  test('and is slow again after it had warmed up fails', () => {
    expect(gate(ms => (ms < 6_000 || ms > 25_000 ? slow : good)).verdict).toBe('fail')
  })

  test('and is ill, not starting, fails within seconds, unless the runbook gives it the time', () => {
    const { verdict, atMs } = gate(() => broken)
    expect(verdict).toBe('fail')
    expect(atMs).toBeLessThanOrEqual(10_000)
    const said = limitsWith({ boundMs: 12_000, excuses: 'any' })
    expect(gate(ms => (ms < 8_000 ? broken : good), said).verdict).toBe('pass')
    expect(gate(() => broken, said)).toMatchObject({ verdict: 'fail', atMs: expect.any(Number) })
  })

  test('and is well at once is watched for no longer than its window', () => {
    const { verdict, told, atMs } = gate(() => good)
    expect([verdict, told, atMs]).toEqual(['pass', undefined, window * intervalMs])
  })

  test('and has nothing to warm up counts from its first probe', () => {
    const none = limitsWith({ boundMs: 0, excuses: 'any' })
    expect(gate(ms => (ms < 9_500 ? slow : good), none).verdict).toBe('fail')
    expect(gate(() => unready, none).atMs).toBeLessThan(10_000)
  })
})

test('of several instances one that is still cold does not end the warm-up of all', () => {
  const random = seeded(7)
  let wrong = 0
  for (let run = 0; run < 200; run += 1) {
    // Each probe meets one of three; one of them is slow for its first 12 seconds.
    const cold = (ms: number) => (ms < 12_000 && random() < 1 / 3 ? slow : good)
    if (gate(cold, guessed, 3).verdict === 'fail') wrong += 1
  }
  expect(wrong).toBeLessThanOrEqual(4)
})

test('the warm-up ends by what was seen before its end alone', () => {
  const rounds = (looks: Look[]) => looks.map((look, index): Round => ({ atMs: index * intervalMs, ...look }))
  const rule = { boundMs: 20_000, excuses: 'starting' } as const
  const start = [slow, unready, good, good, good, good, good]
  const ended = warmUpOf(rounds(start), rule, latency, 1)
  expect(ended).toEqual({ kind: 'over', by: 'steady', from: 7, atMs: 1_000, bad: 2, wasWell: true })
  for (const after of [good, slow, broken, unready])
    expect(warmUpOf(rounds([...start, ...Array<Look>(50).fill(after)]), rule, latency, 1)).toEqual(ended)
  expect(warmUpOf(rounds(start.slice(0, -1)), rule, latency, 1)).toEqual({ kind: 'on' })
})

describe('a service that is well all the time', () => {
  // As often as the error rate allows, in any order that the gate was made for: with a warm-up, too, no more than alpha of
  // them are failed.
  const runs = 200
  test.each([1, 3])('is failed no more often than alpha, when failures come in bursts of %d', length => {
    for (const kind of [unready, broken]) {
      let failed = 0
      for (let run = 0; run < runs; run += 1) {
        const random = seeded(run)
        const faults = length === 1 ? independent(random, 0.01) : inBursts(random, 0.01, length)
        if (gate(() => (faults.next().value === true ? kind : good)).verdict === 'fail') failed += 1
      }
      expect(failed).toBeLessThanOrEqual(Math.ceil(3 * alpha * runs))
    }
  })

  test('passes only on rounds that were not chosen for being well', () => {
    const passed = Array.from({ length: runs }, (_, run) => {
      const random = seeded(run + 10_000)
      return gate(() => (random() < 0.05 ? unready : good)).verdict
    }).filter(verdict => verdict === 'pass')
    // Of services with the rate that a pass excludes, 5% are passed at most; some more here, by chance.
    expect(passed.length / runs).toBeLessThan(0.08)
  })
})

test('the default follows what earlier releases took, within bounds', () => {
  expect(defaultWarmUpMs([])).toBe(20_000)
  expect(defaultWarmUpMs([0, 25_000, 4_000])).toBe(50_000)
  expect(defaultWarmUpMs([600_000])).toBe(120_000)
})

test('a short window is long enough to pass after the warm-up has taken its share', () => {
  const steady = warmUpOf(
    Array.from({ length: 5 }, (_, index) => ({ atMs: index * intervalMs, ...good })),
    guessed.warmUp,
    latency,
    1,
  )
  expect(roundsToMake(steady, 59, leastRounds(guessed))).toBe(5 + leastRounds(guessed))
})
