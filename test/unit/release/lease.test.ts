import { describe, expect, test } from '@jest/globals'
import type { HolderProcess } from '../../../shared/release/holder-process.ts'
import {
  claim,
  observeHolder,
  withoutProcess,
  type Holder,
  type Lease,
  type Purpose,
} from '../../../shared/release/lease.ts'

const me: Holder = { run: 'run-1', attempt: 2, job: 'deploy', title: 'run 1', url: '' }
const early = 999
const deadline = 1_000

const held = (by: Partial<Holder>, handedOver: 'handed over' | 'kept' = 'kept'): Lease => ({
  holder: { ...me, ...by },
  epoch: 7,
  deadline,
  handedOver: handedOver === 'handed over',
})
const decide = (lease: Lease | null, purpose: Purpose, now: number) =>
  claim({ lease, epoch: 7, ledger: { hold: null } }, me, purpose, now).kind

test('a free lease is taken under the next number', () => {
  expect(claim({ lease: null, epoch: 3, ledger: { hold: null } }, me, 'work', 0)).toEqual({
    kind: 'take',
    epoch: 4,
  })
})

describe.each([
  ['a step of my job that handed over', held({}, 'handed over'), 'continue', 'continue', 'continue'],
  ['a step of my job that did not: it is dead', held({}), 'take', 'take', 'take'],
  ['another job that handed over', held({ job: 'x' }, 'handed over'), 'wait', 'take', 'continue'],
  ['another job that did not', held({ job: 'x' }), 'wait', 'take', 'take'],
  ['an earlier attempt', held({ attempt: 1 }), 'take', 'take', 'take'],
  ['an earlier attempt that handed over', held({ attempt: 1 }, 'handed over'), 'take', 'take', 'take'],
  ['a later attempt', held({ attempt: 3 }), 'wait', 'take', 'wait'],
  ['another run', held({ run: 'x' }), 'wait', 'take', 'wait'],
  ['another run that handed over', held({ run: 'x' }, 'handed over'), 'wait', 'take', 'wait'],
] as const)('a lease of %s', (_whose, lease, work, overdue, undo) => {
  test(`before its deadline: ${work} for work, ${undo} to undo; after it: ${overdue}`, () => {
    expect(decide(lease, 'work', early)).toBe(work)
    expect(decide(lease, 'undo', early)).toBe(undo)
    expect(decide(lease, 'work', deadline)).toBe(overdue)
  })
})

test('going on keeps the number, taking over raises it, and who waits is told for whom', () => {
  const standing = (lease: Lease) => ({ lease, epoch: 7, ledger: { hold: null } })
  expect(claim(standing(held({}, 'handed over')), me, 'work', early)).toEqual({ kind: 'continue', epoch: 7 })
  expect(claim(standing(held({})), me, 'work', early)).toEqual({ kind: 'take', epoch: 8 })
  const other = held({ run: 'x' })
  expect(claim(standing(other), me, 'undo', early)).toEqual({ kind: 'wait', held: other })
})

test('on hold no run gets it, whichever run has it', () => {
  const hold = { by: 'ada', because: 'moving the database', since: '2026-01-01T00:00:00.000Z' }
  for (const lease of [null, held({}), held({ run: 'x' })])
    for (const purpose of ['work', 'undo'] as const)
      expect(claim({ lease, epoch: 7, ledger: { hold } }, me, purpose, deadline)).toEqual({
        kind: 'hold',
        hold,
      })
})

const holding: HolderProcess = {
  format: 1,
  host: 'build-3',
  boot: 'b1',
  namespace: 'pid:[1] time:[1]',
  pid: 4711,
  start: '100',
}
const hasEnded = (recorded: HolderProcess) => recorded.pid === holding.pid && recorded.start === '100'

describe('a process that holds the lease', () => {
  const stranger = held({ run: 'x', process: holding })

  test('is taken over at once, fenced, when it is known to have ended', () => {
    const seen = observeHolder(stranger, hasEnded)
    expect(seen).toEqual({ ...stranger, ended: true })
    for (const purpose of ['work', 'undo'] as const)
      expect(claim({ lease: seen, epoch: 7, ledger: { hold: null } }, me, purpose, early)).toEqual({
        kind: 'take',
        epoch: 8,
      })
  })

  test('is waited for while it is not known to have ended', () => {
    const lives = observeHolder(held({ run: 'x', process: { ...holding, pid: 4712 } }), hasEnded)
    expect(lives.ended).toBeUndefined()
    expect(decide(lives, 'undo', early)).toBe('wait')
  })

  test('does not matter once it has handed the lease over: its end was in order', () => {
    const left = held({ run: 'x', process: holding }, 'handed over')
    expect(observeHolder(left, hasEnded)).toEqual(left)
    expect(withoutProcess(stranger.holder)).toEqual({ ...me, run: 'x' })
  })

  test.each([
    ['of a later format', { ...holding, format: 2 }],
    ['without a boot', { ...holding, boot: '' }],
    ['with a number that is none', { ...holding, pid: -1 }],
    ['with a text for a number', { ...holding, pid: '4711' }],
    ['that is no record', 'process 4711'],
    ['that is too long to be one', { ...holding, host: 'x'.repeat(300) }],
  ])('is taken for alive when its record is one %s', (_what, process) => {
    const lease = held({ run: 'x', process: process as HolderProcess })
    expect(observeHolder(lease, () => true)).toEqual(lease)
  })

  test('is never taken for ended because the lease says so: only the process that looked can say', () => {
    expect(observeHolder({ ...stranger, ended: true }, () => false)).toEqual(stranger)
  })
})
