import { describe, expect, test } from '@jest/globals'
import {
  act,
  adopt,
  advance,
  beginRestore,
  closeBad,
  closeGood,
  emptyLedger,
  endRestore,
  find,
  inPlace,
  intend,
  noteRollback,
  recordRollback,
  noteVerdict,
  resolveRelease,
  retire,
  unfinishedRollback,
  unsettled,
  usualStart,
  wayBack,
  type OperatorAct,
  type Ledger,
  type ReleaseId,
} from '../../../shared/release/ledger.ts'
import { at, intent, released, three } from './releases.ts'

describe('the ledger', () => {
  test('numbers releases from 1 and knows what serves', () => {
    expect(three.entries.map(entry => entry.id)).toEqual(['r1', 'r2', 'r3'])
    expect(three.serving).toBe('r3')
    expect(unsettled(three)).toBeUndefined()
  })

  test('refuses a second unsettled release', () => {
    const { ledger } = intend(three, intent('v1.3.0'))
    expect(() => intend(ledger, intent('v1.4.0'))).toThrow('r4 is unsettled')
  })

  test.each([
    ['intended', 'ready'],
    ['good', 'applied'],
  ])('has no way from %s to %s', (from, to) => {
    const ledger = from === 'good' ? three : intend(three, intent('v1.3.0')).ledger
    const id: ReleaseId = from === 'good' ? 'r3' : 'r4'
    expect(() => advance(ledger, id, to as 'applied' | 'ready')).toThrow(
      `${id} is ${from} and cannot become ${to}`,
    )
  })

  test('goes back from an unsettled release to what served before it', () => {
    const { ledger, id } = intend(three, intent('v1.3.0'))
    expect(wayBack(ledger)?.id).toBe('r3')
    const restoring = beginRestore(ledger, 'r3', at, 'the gate failed')
    expect(find(restoring, id)).toMatchObject({ state: 'bad', because: 'the gate failed' })
    expect(restoring).toMatchObject({ serving: 'r3', restoring: { from: 'r4' } })
    expect(endRestore(restoring).restoring).toBeNull()
  })

  test('goes back from a good release to the one before it, which is withdrawn', () => {
    expect(wayBack(three)?.id).toBe('r2')
    const back = endRestore(beginRestore(three, 'r2', at, 'slow'))
    expect(find(back, 'r3')?.state).toBe('withdrawn')
    expect(back.serving).toBe('r2')
    expect(wayBack(back)?.id).toBe('r1')
  })

  test('makes a withdrawn release good again when it is named', () => {
    const back = endRestore(beginRestore(three, 'r1', at, 'slow'))
    const again = endRestore(beginRestore(back, 'r3', at, 'after all'))
    expect(again.serving).toBe('r3')
    expect(find(again, 'r3')).not.toHaveProperty('because')
    expect(find(again, 'r1')?.state).toBe('withdrawn')
  })

  test('resolves ids and versions, good ones first, and never the unsettled one', () => {
    const { ledger } = intend(three, intent('v1.2.0'))
    expect(resolveRelease(ledger, 'r2')?.version).toBe('v1.1.0')
    expect(resolveRelease(ledger, 'v1.2.0')?.id).toBe('r3')
    expect(resolveRelease(ledger, 'r4')).toBeUndefined()
    expect(resolveRelease(ledger, 'v9.9.9')).toBeUndefined()
  })

  test('records what was there before as r0, and only in an empty ledger', () => {
    const adopted = adopt(emptyLedger('api', 'production'), intent('unknown'))
    expect(adopted.serving).toBe('r0')
    expect(intend(adopted, intent('v1.0.0')).id).toBe('r1')
    expect(() => adopt(three, intent('unknown'))).toThrow('empty')
  })

  test('retires what is old, never what serves, its way back, what is unfinished or what is being taken back', () => {
    const versions = Array.from({ length: 15 }, (_, index) => `v2.${index}.0`)
    const many = versions.reduce((ledger, version) => released(ledger, version), three)
    expect(many.entries.map(entry => entry.id)).toEqual(numbered(8, 18))
    const old = endRestore(beginRestore(many, 'r9', at, 'named'))

    const bad = (ledger: Ledger) => {
      const { ledger: intended } = intend(ledger, intent('v3.0.0'))
      return endRestore(beginRestore(intended, 'r9', at, 'x'))
    }
    const tired = Array.from({ length: 30 }).reduce<Ledger>(bad, old)
    expect(tired.entries.map(entry => entry.id)).toEqual([...numbered(8, 17), ...numbered(39, 48)])
    expect(wayBack(tired)?.id).toBe('r8')

    const open = intend(tired, intent('v3.1.0'))
    expect(wayBack(retire(open.ledger, 1).ledger)?.id).toBe('r9')
    const restoring = beginRestore(open.ledger, 'r9', at, 'x')
    expect(retire(restoring, 1).ledger.entries.map(entry => entry.id)).toEqual(['r8', 'r9', 'r17', open.id])
  })

  test('brings a failed release back by its name where none is good yet', () => {
    const failed = (ledger: Ledger, version: string) => {
      const { ledger: intended, id } = intend(ledger, intent(version))
      return closeBad(intended, id, at, 'its job did not succeed')
    }
    const none = failed(failed(emptyLedger('api', 'production'), 'v1.0.0'), 'v1.1.0')
    expect(inPlace(none)?.id).toBe('r2')
    const back = beginRestore(none, 'r1', at, 'named')
    expect(back).toMatchObject({ serving: 'r1', restoring: { from: 'r2' } })
    expect(back.entries.map(({ state }) => state)).toEqual(['good', 'bad'])
    expect(inPlace(back)?.id).toBe('r2')
    expect(beginRestore(none, 'r2', at, 'named')).toMatchObject({ serving: 'r2', restoring: { from: 'r2' } })
    expect(() => beginRestore(emptyLedger('api', 'production'), 'r1', at, 'x')).toThrow('nothing is there')
  })

  test('brings nothing back that it does not know', () => {
    expect(() => beginRestore(three, 'r9', at, 'x')).toThrow('the ledger has no r9')
  })

  test('goes on with what was to be taken back when a restore is followed by another', () => {
    const first = beginRestore(three, 'r2', at, 'slow')
    const second = beginRestore(first, 'r1', at, 'slow as well')
    expect(second).toMatchObject({ serving: 'r1', restoring: { from: 'r3' } })
    expect(second.entries.map(entry => entry.state)).toEqual(['good', 'good', 'withdrawn'])
  })

  test('has no restore left over once a release is good', () => {
    const restoring = beginRestore(three, 'r2', at, 'slow')
    expect(released(restoring, 'v1.3.0')).toMatchObject({ serving: 'r4', restoring: null })
  })

  test('notes what operators do, and a hold lasts until an operator resumes', () => {
    const done = (kind: OperatorAct['kind']): OperatorAct => ({ kind, by: 'ada', because: 'why', at })
    const held = act(three, done('hold'))
    expect(act(held, done('unlock')).hold).toEqual({ by: 'ada', because: 'why', since: at })
    expect(act(held, done('resume'))).toMatchObject({ hold: null, acts: [done('hold'), done('resume')] })
    const often = Array.from({ length: 50 }).reduce<Ledger>(now => act(now, done('unlock')), three)
    expect(often.acts).toHaveLength(20)
  })

  test('records each rollback from its beginning to its verdict; neither they nor acts push each other out', () => {
    const begun = { trigger: 'operator', by: 'ada', run: '7', runUrl: '', because: 'slow', at } as const
    const restoring = recordRollback(beginRestore(three, 'r2', at, 'slow'), {
      ...begun,
      from: 'r3',
      to: 'r2',
    })
    expect(unfinishedRollback(restoring)).toMatchObject({ kind: 'rollback', from: 'r3', to: 'r2' })
    const finished = noteRollback(endRestore(restoring), { finishedAt: at, verdict: 'healthy' })
    expect(unfinishedRollback(finished)).toBeUndefined()
    expect(finished.acts).toEqual([
      { ...begun, kind: 'rollback', from: 'r3', to: 'r2', finishedAt: at, verdict: 'healthy' },
    ])
    const unlock = { kind: 'unlock', by: 'ada', because: 'why', at } as const
    const often = Array.from({ length: 50 }).reduce<Ledger>(now => act(now, unlock), finished)
    expect(often.acts.filter(({ kind }) => kind === 'rollback')).toHaveLength(1)
    const many = Array.from({ length: 50 }).reduce<Ledger>(
      now => recordRollback(now, { ...begun, from: 'r3', to: 'r2' }),
      often,
    )
    expect(many.acts).toHaveLength(40)
    // Of a ledger that recorded no rollback, there is none to note anything on.
    expect(noteRollback(three, { finishedAt: at })).toEqual(three)
  })

  test('stays small however long it lives and however much is said: it is kept in annotations', () => {
    const long = 'x'.repeat(100_000)
    const life = Array.from({ length: 200 }, (_, index) => index)
    const old = life.reduce<Ledger>(
      (ledger, index) => {
        const { ledger: open, id } = intend(ledger, {
          ...intent('v10.20.30-rc.1'),
          image: `registry.example.com/a-rather-long-team-name/runbook-api@sha256:${'0'.repeat(64)}`,
          runUrl: 'https://github.example.com/organisation/repository/actions/runs/12345678901',
        })
        const noted = act(open, { kind: 'unlock', by: 'ada', because: long, at })
        return index % 2
          ? closeGood(advance(advance(noted, id, 'applied'), id, 'ready'), id, at)
          : ledger.serving
            ? endRestore(
                recordRollback(beginRestore(noted, ledger.serving, at, long), {
                  ...{ trigger: 'recovery', by: 'ada', run: '1', runUrl: '', because: long, at },
                  ...{ from: id, to: ledger.serving },
                }),
              )
            : closeBad(noted, id, at, long)
      },
      emptyLedger('api', 'production'),
    )
    expect(JSON.stringify(old).length).toBeLessThan(64 * 1024)
  })
})

function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `r${from + index}`)
}

test('a start is usual by the slowest of the newest good releases, whatever a failed one took', () => {
  expect(usualStart(three)).toBeUndefined()
  const slow = noteVerdict(three, 'r1', { startMs: 9_000 })
  const both = noteVerdict(slow, 'r3', { startMs: 2_000 })
  expect(usualStart(both)).toBe(9_000)
  const later = ['v1.3.0', 'v1.4.0', 'v1.5.0'].reduce((ledger, version) => released(ledger, version), both)
  expect(usualStart(later)).toBe(2_000)
  const { ledger, id } = intend(later, intent('v1.6.0'))
  expect(usualStart(noteVerdict(ledger, id, { startMs: 60_000 }))).toBe(2_000)
})
