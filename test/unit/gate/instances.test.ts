import { describe, expect, test } from '@jest/globals'
import { busiest, judgeInstances, type InstanceLimit } from '../../../shared/gate/probes/instances.ts'
import type { Snapshot } from '../../../shared/gate/statistics/seen.ts'
import type { Vitals } from '../../../shared/release/vitals.ts'

const pod = (name: string, share: number | undefined, at: number): Vitals => ({
  instance: `pod ${name}`,
  ready: true,
  restarts: 0,
  lastEnd: '',
  outOfMemory: false,
  ...(share === undefined ? {} : { usage: { memory: { share, of: 'limit of 1.0 GiB', at: String(at) } } }),
})

/** One look each second, at pods `a`, `b`, ...; each look is shown a measurement of its own, or all of them the same. */
const looks = (shares: (number | undefined)[][], measured: 'anew' | 'once' = 'anew') =>
  shares.map((each, index): Snapshot => ({
    atMs: index * 1_000,
    instances: each.map((share, nth) => pod('abc'[nth] ?? '', share, measured === 'anew' ? index : 0)),
  }))

const limit: InstanceLimit = { resource: 'memory', limit: 0.85, before: 0.4 }
const nine = (late: (number | undefined)[]) => [...Array<number[]>(6).fill([0.4, 0.4, 0.4]), late, late, late]

describe('what each instance uses', () => {
  test('fails for one of three that is over at the end, and names it', () => {
    expect(judgeInstances(limit, looks(nine([0.4, 0.93, 0.5])))).toEqual({
      metric: 'memory of each instance',
      verdict: 'fail',
      finding: 'pod b used 93% of its limit of 1.0 GiB (wanted < 85%), in all of the last 3 looks',
    })
  })

  test('passes when none is, also after a peak', () => {
    const peak = looks([[0.99], [0.99], [0.99], [0.5], [0.5], [0.5], [0.5]])
    expect(judgeInstances(limit, peak)).toMatchObject({
      verdict: 'pass',
      finding: 'at most 50%, of its limit of 1.0 GiB, in pod a (wanted < 85%)',
    })
    const dip = looks(nine([0.9])).with(-1, { atMs: 8_000, instances: [pod('a', 0.8, 8)] })
    expect(judgeInstances(limit, dip)).toMatchObject({ verdict: 'pass' })
  })

  test.each([
    ['was so before', { ...limit, before: 0.9 }, 'anew', 'it was so before the deploy too (90%)'],
    ['was not measured before', { ...limit, before: undefined }, 'anew', 'how it was before is not known'],
    ['was measured only once', limit, 'once', 'measured once'],
  ] as const)('warns when it %s', (_title, said, measured, finding) => {
    expect(judgeInstances(said, looks(nine([0.93]), measured))).toMatchObject({
      verdict: 'warn',
      finding: expect.stringContaining(finding),
    })
  })

  test('is not judged where nothing is measured, and never over where all may be used', () => {
    expect(judgeInstances(limit, looks(nine([undefined])))).toBeUndefined()
    expect(judgeInstances(limit, [{ atMs: 0, gap: 'cannot be read' }])).toBeUndefined()
    expect(judgeInstances({ ...limit, limit: Infinity }, looks(nine([1])))).toMatchObject({
      verdict: 'pass',
      finding: expect.stringContaining('no threshold'),
    })
  })

  test.each([
    [0.4, 'pass'],
    [0.9, 'fail'],
  ])('one that has just come is not judged, and hides none that is at %d', (share, verdict) => {
    const late = looks(nine([share])).with(-1, {
      atMs: 8_000,
      instances: [pod('a', share, 8), pod('b', 0.99, 8)],
    })
    expect(judgeInstances(limit, late)).toMatchObject({
      verdict,
      finding: expect.stringContaining('pod a'),
    })
  })

  test('before a release, that of the busiest counts', () => {
    expect(busiest(looks([[0.2, 0.7, undefined]]))).toEqual({ memory: 0.7 })
    expect(busiest([])).toEqual({})
  })
})
