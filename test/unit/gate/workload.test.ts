import { describe, expect, test } from '@jest/globals'
import type { Snapshot } from '../../../shared/gate/statistics/seen.ts'
import { isDoomed, type GateLimits } from '../../../shared/gate/verdict.ts'
import { judgeWorkload } from '../../../shared/gate/probes/workload.ts'
import type { Vitals } from '../../../shared/release/vitals.ts'

const well = (instance: string, said: Partial<Vitals> = {}): Vitals => ({
  instance,
  ready: true,
  restarts: 0,
  lastEnd: '',
  outOfMemory: false,
  ...said,
})
const over = (...moments: (Vitals[] | string)[]) =>
  moments.map((each, index): Snapshot => ({
    atMs: index * 1_000,
    ...(typeof each === 'string' ? { gap: each } : { instances: each }),
  }))
const judged = (...moments: (Vitals[] | string)[]) => judgeWorkload(over(...moments))

describe('the workload', () => {
  test('that stays as it is passes, with restarts from before the window', () => {
    const pod = well('pod a', { restarts: 3, lastEnd: 'exit code 1' })
    expect(judged([pod], [pod], [pod])).toMatchObject({
      verdict: 'pass',
      finding: '1 instances, 0 restarts, 0 times not ready any more',
    })
  })

  test('fails for a restart, and says why', () => {
    const again = well('pod a', { restarts: 1, lastEnd: 'exit code 137', outOfMemory: true })
    expect(judged([well('pod a')], [again])).toMatchObject({
      verdict: 'fail',
      finding: expect.stringContaining('pod a was restarted: ended for its memory'),
    })
    const limits: GateLimits = {
      errors: { allowed: 0.01, passBelow: 0.05 },
      latency: undefined,
      thresholds: [],
      instances: [],
      warmUp: { boundMs: 0, excuses: 'starting' },
    }
    const seen = (workload: Snapshot[]) => ({ rounds: [], readings: [], workload })
    expect(isDoomed(seen(over([well('pod a')], [again])), limits)).toBe(true)
    expect(isDoomed(seen(over([again], [again])), limits)).toBe(false)
  })

  test('counts the restarts of one that came in the window, and not that it came', () => {
    expect(
      judged(
        [well('pod a')],
        [well('pod a'), well('pod b', { ready: false })],
        [well('pod a'), well('pod b')],
      ),
    ).toMatchObject({ verdict: 'pass' })
    expect(
      judged([well('pod a')], [well('pod a'), well('pod b', { restarts: 2, lastEnd: 'exit code 1' })]),
    ).toMatchObject({ verdict: 'fail', finding: expect.stringContaining('2 restarts') })
  })

  test('that loses its readiness once and has it again warns; twice, or at the end, fails', () => {
    const [up, down] = [[well('pod a')], [well('pod a', { ready: false })]]
    expect(judged(up, down, up).verdict).toBe('warn')
    expect(judged(up, down, up, down, up).verdict).toBe('fail')
    expect(judged(up, down).verdict).toBe('fail')
    // An autoscaler has just added another one.
    expect(judged(up, down, [...up, well('pod b', { ready: false })])).toMatchObject({
      verdict: 'warn',
      finding: '2 instances, 0 restarts, 1 times not ready any more: pod a is not ready any more',
    })
  })

  test('that was never there is undecided', () => {
    expect(judged([], [])).toMatchObject({ verdict: 'inconclusive', finding: 'no instance is there' })
  })

  test('that is gone fails', () => {
    expect(judged([well('pod a')], [])).toMatchObject({ verdict: 'fail', finding: 'no instance is there' })
  })

  test('that cannot be asked at the end is undecided', () => {
    expect(judged([well('pod a')], 'cannot be read: 503')).toMatchObject({
      verdict: 'inconclusive',
      finding: 'cannot be read: 503',
    })
    expect(judged('cannot be read: 503', [well('pod a')], [well('pod a')]).verdict).toBe('pass')
  })
})
