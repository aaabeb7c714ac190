import { describe, expect, test } from '@jest/globals'
import { recoveryAlarm } from '../../../actions/rollback/recovery-alarm.ts'
import type { Outcome, Status } from '../../../shared/outcome/outcome.ts'
import type { Reason } from '../../../shared/outcome/reasons.ts'

const ended = (status: Status, reason: Reason): Outcome => ({
  ...{ step: 'settle', service: 'api', environment: 'production', status, reason, summary: '', next: '' },
  ...{ serving: '', cause: '', evidence: [], timings: [], durationMs: 1, startedAt: '', outputs: {} },
})

describe('what a scheduled recovery reports beside its outcome', () => {
  test.each([
    ['success', 'nothing-to-settle'],
    ['skipped', 'lease-held'],
    // An error by itself.
    ['failure', 'rollback-failed'],
  ] as const)('%s %s: nothing', (status, reason) => {
    expect(recoveryAlarm(ended(status, reason))).toBeUndefined()
  })

  test('a hold is a warning', () => {
    expect(recoveryAlarm(ended('skipped', 'held'))).toMatchObject({ level: 'warning' })
  })

  test.each(['restored', 'settled-good'] as const)('%s: an error, which names the environment', reason => {
    expect(recoveryAlarm(ended('success', reason))).toMatchObject({
      level: 'error',
      message: expect.stringContaining('production') as unknown,
    })
  })
})
