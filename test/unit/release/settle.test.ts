import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Holder, Lease } from '../../../shared/release/lease.ts'
import {
  act,
  advance,
  beginRestore,
  closeBad,
  closeGood,
  emptyLedger,
  endRestore,
  find,
  intend,
  noteVerdict,
  unsettled,
  type Ledger,
} from '../../../shared/release/ledger.ts'
import { settle, type Live } from '../../../shared/release/settle.ts'

const at = '2026-01-01T00:00:00.000Z'
const live = (release: string | null, ready = true): Live => ({
  release,
  ready,
  version: 'v1.0.0',
  image: 'api',
})
const intent = { version: 'v1.0.0', image: 'api', by: '', run: 'me', runUrl: '', intendedAt: at }

const me: Holder = { run: 'me', attempt: 1, job: 'settle', title: 'me', url: '' }

type Write = (ledger: Ledger) => Ledger
const open = (ledger: Ledger) => unsettled(ledger)?.id ?? 'r0'

/** Every write that a deploy, its gate, its end and its undoing make, in the order in which they are made. */
const deployWrites: Write[] = [
  ledger => intend(ledger, intent).ledger,
  ledger => advance(ledger, open(ledger), 'applied'),
  ledger => advance(ledger, open(ledger), 'ready'),
  ledger => noteVerdict(ledger, open(ledger), { gate: 'pass' }),
  ledger => closeGood(ledger, open(ledger), at),
]
const undo: Write[] = [ledger => beginRestore(ledger, ledger.serving ?? 'r0', at, 'bad'), endRestore]
const release = (ledger: Ledger) => deployWrites.reduce((state, write) => write(state), ledger)
const first = release(emptyLedger('api', 'production'))

const lease = (deadline: number): Lease => ({
  epoch: 1,
  deadline,
  handedOver: false,
  holder: { run: 'other', attempt: 1, job: 'deploy', title: 'run 1', url: '' },
})

describe('settle', () => {
  test('does nothing when everything is settled, whatever is live', () => {
    expect(settle(first, live('r9', false), null, me, 0)).toEqual({ kind: 'nothing' })
  })

  test('ends the lease of a run that is gone and had nothing unfinished', () => {
    expect(settle(first, live('r1'), lease(100), me, 99).kind).toBe('nothing')
    expect(settle(first, live('r1'), lease(100), me, 100).kind).toBe('end-lease')
  })

  test('waits for another run until its deadline, and not a moment longer', () => {
    const started = intend(first, intent).ledger
    expect(settle(started, live('r1'), lease(100), me, 99).kind).toBe('wait')
    expect(settle(started, live('r1'), lease(100), me, 100).kind).toBe('restore')
    expect(settle(started, live('r1'), lease(100), { ...me, run: 'other' }, 0).kind).toBe('restore')
  })

  test('leaves what is unfinished alone while the environment is on hold', () => {
    const hold = { kind: 'hold', by: 'ada', because: 'moving the database', at } as const
    const started = act(intend(first, intent).ledger, hold)
    expect(settle(started, live('r2'), null, me, 0)).toMatchObject({ kind: 'held', hold: { by: 'ada' } })
    expect(settle(act(first, hold), live('r1'), null, me, 0).kind).toBe('nothing')
    expect(settle(act(started, { ...hold, kind: 'resume' }), live('r2'), null, me, 0).kind).toBe('restore')
  })

  test('sounds the alarm when a first release was left behind', () => {
    const started = intend(emptyLedger('api', 'production'), intent).ledger
    expect(settle(started, live('r1'), null, me, 0)).toMatchObject({ kind: 'alarm', release: { id: 'r1' } })
  })

  test('finishes a release that passed its gate, only when it still serves and is ready', () => {
    const passed = deployWrites.slice(0, 4).reduce((state, write) => write(state), first)
    expect(settle(passed, live('r2'), null, me, 0).kind).toBe('gate-then-finish')
    expect(settle(passed, live('r2', false), null, me, 0).kind).toBe('restore')
    expect(settle(passed, live('r1'), null, me, 0).kind).toBe('restore')
    expect(settle(noteVerdict(passed, 'r2', { smoke: 'fail' }), live('r2'), null, me, 0).kind).toBe('restore')
  })

  test('finishes a restore that was begun', () => {
    const begun = beginRestore(release(first), 'r1', at, 'slow')
    expect(settle(begun, live('r2'), null, me, 0)).toMatchObject({ kind: 'restore', good: { id: 'r1' } })
  })

  test('after a crash at any write, one settle leads to rest on a good release, and a second changes nothing', () => {
    const runs = fc.array(
      fc.record({
        writes: fc.nat(deployWrites.length),
        undone: fc.nat(undo.length),
        crashedSettle: fc.boolean(),
      }),
      { minLength: 1, maxLength: 8 },
    )
    fc.assert(
      fc.property(runs, fc.boolean(), (history, ready) => {
        let ledger = first
        for (const { writes, undone, crashedSettle } of history) {
          for (const write of deployWrites.slice(0, writes)) ledger = write(ledger)
          if (unsettled(ledger)) for (const write of undo.slice(0, undone)) ledger = write(ledger)
          if (crashedSettle) ledger = carryOut(ledger, ready, 1)
          ledger = carryOut(ledger, ready, 2)
          expect(unsettled(ledger)).toBeUndefined()
          expect(ledger.restoring).toBeNull()
          expect(find(ledger, ledger.serving)?.state).toBe('good')
          expect(settle(ledger, live(ledger.serving, ready), null, me, 0)).toEqual({ kind: 'nothing' })
        }
      }),
      { seed: 20261123, numRuns: 2_000 },
    )
  })
})

/** Makes the first `count` writes of what settle decides. */
function carryOut(ledger: Ledger, ready: boolean, count: number): Ledger {
  const decision = settle(ledger, live(unsettled(ledger)?.id ?? ledger.serving, ready), null, me, 0)
  const writes: Write[] =
    decision.kind === 'gate-then-finish'
      ? [state => closeGood(state, decision.release.id, at)]
      : decision.kind === 'restore'
        ? [
            state => (unsettled(state) ? beginRestore(state, decision.good.id, at, 'crashed') : state),
            endRestore,
          ]
        : decision.kind === 'alarm'
          ? [state => closeBad(state, decision.release.id, at, 'crashed')]
          : []
  return writes.slice(0, count).reduce((state, write) => write(state), ledger)
}
