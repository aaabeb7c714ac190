import { describe, expect, test } from '@jest/globals'
import {
  adopt,
  advance,
  beginRestore,
  closeGood,
  emptyLedger,
  endRestore,
  find,
  intend,
  resolveRelease,
  retire,
  unsettled,
  wayBack,
  type Intent,
  type Ledger,
  type ReleaseId,
} from '../../../shared/release/ledger.ts'

const at = '2026-01-01T00:00:00.000Z'
const intent = (version: string): Intent => ({
  version,
  image: `registry/api@sha256:${version}`,
  by: 'ada',
  run: 'run',
  runUrl: '',
  intendedAt: at,
})

function released(ledger: Ledger, version: string): Ledger {
  const { ledger: intended, id } = intend(ledger, intent(version))
  return closeGood(advance(advance(intended, id, 'applied'), id, 'ready'), id, at)
}

const three = ['v1.0.0', 'v1.1.0', 'v1.2.0'].reduce(released, emptyLedger('api', 'production'))

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

  test('retires what is old, never what serves', () => {
    const versions = Array.from({ length: 15 }, (_, index) => `v2.${index}.0`)
    const many = versions.reduce(released, three)
    const old = endRestore(beginRestore(many, 'r1', at, 'named'))
    const { ledger, retired } = retire(old, 10)
    expect(ledger.entries.filter(entry => entry.state === 'good')).toHaveLength(11)
    expect(find(ledger, 'r1')).toBeDefined()
    expect(retired.map(entry => entry.id)).toEqual(['r2', 'r3', 'r4', 'r5', 'r6', 'r7'])
  })
})
