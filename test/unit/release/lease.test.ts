import { expect, test } from '@jest/globals'
import { claim, type Holder, type Lease } from '../../../shared/release/lease.ts'

const me: Holder = { run: 'run-1', attempt: 2, title: 'run 1', url: '' }
const held = (by: Partial<Holder>): Lease => ({ holder: { ...me, ...by }, epoch: 7, deadline: 1_000 })

test.each([
  ['a free lease is taken under the next epoch', null, 0, { kind: 'take', epoch: 4 }],
  ['my own is gone on with', held({}), 0, { kind: 'continue', epoch: 7 }],
  ['my own is gone on with after its deadline', held({}), 2_000, { kind: 'continue', epoch: 7 }],
  ['an earlier attempt of my run is over', held({ attempt: 1 }), 0, { kind: 'take', epoch: 8 }],
  [
    'a later attempt of my run is waited for',
    held({ attempt: 3 }),
    0,
    { kind: 'wait', held: held({ attempt: 3 }) },
  ],
  ['another run is waited for', held({ run: 'x' }), 999, { kind: 'wait', held: held({ run: 'x' }) }],
  ['another run is taken over at its deadline', held({ run: 'x' }), 1_000, { kind: 'take', epoch: 8 }],
])('%s', (_name, lease, now, expected) => {
  expect(claim(lease, 3, me, now)).toEqual(expected)
})
