import { describe, expect, test } from '@jest/globals'
import {
  advance,
  beginRestore,
  endRestore,
  intend,
  noteRollback,
  noteVerdict,
  recordRollback,
  type Ledger,
} from '../../../shared/release/ledger.ts'
import { provenanceOf } from '../../../shared/release/provenance.ts'
import {
  describeDifference,
  liveVersions,
  nameReceiver,
  type Receiver,
} from '../../../shared/release/receiver.ts'
import { at, intent, three } from './releases.ts'

const receiver = (release: string | null, image = 'api'): Receiver => ({
  ...{ release, image, version: '', instances: 1, since: at },
})
const by = { trigger: 'operator', by: 'ada', run: '7', runUrl: 'https://x/7', because: 'slow', at } as const
const back: Ledger = noteRollback(
  endRestore(recordRollback(beginRestore(three, 'r2', at, 'slow'), { ...by, from: 'r3', to: 'r2' })),
  { finishedAt: '2026-01-01T00:01:00.000Z', verdict: 'healthy' },
)

describe('what receives traffic, held against the ledger', () => {
  test.each<[string, Receiver[], string]>([
    ['the last good release', [receiver('r3')], ''],
    ['nothing', [], 'nothing receives traffic; the last good release is v1.2.0 (r3)'],
    [
      'another release',
      [receiver('r2')],
      'v1.1.0 (r2) receives traffic, and the last good release, v1.2.0 (r3), does not',
    ],
    [
      'both',
      [receiver('r2'), receiver('r3')],
      'v1.1.0 (r2) receives traffic beside the last good release, v1.2.0 (r3)',
    ],
    [
      'what was set by hand',
      [receiver(null, 'api:mine')],
      'api:mine, which is no recorded release, receives traffic, and the last good release, v1.2.0 (r3), does not',
    ],
  ])('%s', (_what, receivers, difference) => {
    expect(describeDifference(three, receivers)).toBe(difference)
  })

  test('is what counts while a restore has not succeeded: the ledger names the good one before it is live', () => {
    const failed = intend(three, intent('v1.3.0')).ledger
    const restoring = beginRestore(failed, 'r3', at, 'its gate failed')
    expect(restoring.serving).toBe('r3')
    expect(describeDifference(restoring, [receiver('r4')])).toMatch(/^v1\.3\.0 \(r4\) receives traffic, and/)
    expect(liveVersions(restoring, [receiver('r4'), receiver('r3')])).toBe('v1.3.0, v1.2.0')
  })

  test('has names that people know', () => {
    expect(nameReceiver(three, receiver('r1'))).toBe('v1.0.0 (r1)')
    expect(nameReceiver(three, { ...receiver('r9'), version: 'v9.0.0' })).toBe('v9.0.0 (r9)')
  })
})

describe('how a release came to be live', () => {
  test('by its deploy, with the verdicts of then', () => {
    expect(provenanceOf(three, 'r3')).toMatchObject({ act: 'deploy', at, verified: false })
    const passed = noteVerdict(three, 'r3', { gate: 'pass', smoke: 'pass' })
    expect(provenanceOf(passed, 'r3')).toMatchObject({
      verified: true,
      verification: 'its gate and smoke test passed',
    })
    expect(provenanceOf(noteVerdict(passed, 'r3', { smoke: 'fail' }), 'r3')).toMatchObject({
      verified: false,
    })
    expect(provenanceOf(noteVerdict(passed, 'r3', { gate: 'fail' }), 'r3')).toMatchObject({
      verification: 'its gate failed',
    })
  })

  test('by the rollback to it, with who asked, when, and how it was', () => {
    expect(provenanceOf(back, 'r2')).toEqual({
      ...{ act: 'rollback', at: '2026-01-01T00:01:00.000Z', by: 'ada', run: '7', runUrl: 'https://x/7' },
      ...{ verified: true, verification: 'it was healthy after the rollback' },
    })
    expect(provenanceOf(back, 'r3')).toMatchObject({ act: 'deploy' })
  })

  test('by the recovery of what a run left', () => {
    const recovered = recordRollback(beginRestore(three, 'r2', at, 'x'), {
      ...{ ...by, trigger: 'recovery', from: 'r3', to: 'r2' },
    })
    expect(provenanceOf(recovered, 'r2')).toMatchObject({ act: 'recovery', at, verified: false })
  })

  test('as an older ledger has it: on the release alone', () => {
    const old = noteVerdict(endRestore(beginRestore(three, 'r2', at, 'slow')), 'r2', {
      restored: { at: '2026-01-02T00:00:00.000Z', verdict: 'unhealthy' },
    })
    expect(provenanceOf(old, 'r2')).toMatchObject({
      ...{ act: 'rollback', at: '2026-01-02T00:00:00.000Z', verified: false },
      verification: 'it was not healthy after the rollback',
    })
  })

  test('not at all when the ledger does not know it; and while it is not settled, since it was intended', () => {
    expect(provenanceOf(three, 'r9')).toBeUndefined()
    const { ledger, id } = intend(three, intent('v1.3.0'))
    expect(provenanceOf(advance(ledger, id, 'applied'), id)).toMatchObject({
      ...{ act: 'deploy', at, verified: false, verification: 'it has passed no gate' },
    })
  })
})
