import { describe, expect, test } from '@jest/globals'
import { adopt, closeBad, emptyLedger, intend } from '../../../shared/release/ledger.ts'
import { sameVersionElse } from '../../../shared/release/same-version.ts'
import { at, intent, released } from './releases.ts'

describe('a version belongs to one image', () => {
  const [one, two] = ['a', 'b'].map(digit => `registry/api@sha256:${digit.repeat(64)}`)
  const [commit, other] = ['a', 'b'].map(digit => `git:${digit.repeat(40)}`)
  const ledger = (image = '') => released(emptyLedger('api', 'production'), 'v1.0.0', { image })

  test.each([
    ['another digest', one, two, 'r1'],
    ['the same digest of another registry', one, one?.replace('registry', 'mirror'), undefined],
    ['the same digest', one, one, undefined],
    ['another commit', commit, other, 'r1'],
    ['an image of the host', one, `sha256:${'b'.repeat(64)}`, undefined],
    ['a folder with changes', commit, `content:${'b'.repeat(64)}`, undefined],
  ])('%s', (_what, before, now, found) => {
    expect(sameVersionElse(ledger(before), 'v1.0.0', now ?? '')?.id).toBe(found)
    expect(sameVersionElse(ledger(before), 'v1.0.1', now ?? '')).toBeUndefined()
  })

  test('also when the release failed; not when another tool had deployed it', () => {
    const open = intend(emptyLedger('api', 'production'), intent('v1.0.0', { image: one ?? '' }))
    const failed = closeBad(open.ledger, open.id, at, 'gate')
    expect(sameVersionElse(failed, 'v1.0.0', two ?? '')?.id).toBe('r1')
    const adopted = adopt(emptyLedger('api', 'production'), intent('v1.0.0', { image: one ?? '' }))
    expect(sameVersionElse(adopted, 'v1.0.0', two ?? '')).toBeUndefined()
  })
})
