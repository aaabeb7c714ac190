import { expect, test } from '@jest/globals'
import { cutsTheWayBack, livesWith, lowerFloor, raiseFloor } from '../../../shared/release/floor.ts'
import { adopt, emptyLedger, intend, type Ledger } from '../../../shared/release/ledger.ts'
import { intent } from './releases.ts'

const empty = emptyLedger('api', 'production')
const needing = (ledger: Ledger, schemaNeeds: string) => {
  const { ledger: next, id } = intend(ledger, intent('v2.0.0', { schemaNeeds }))
  return raiseFloor(next, id)
}

test('the floor rises with a release that says so, and never sinks by itself', () => {
  expect(needing(empty, 'v1.4.0').floor).toEqual({ version: 'v1.4.0', since: 'r1' })
  const high = { ...empty, floor: { version: 'v1.10.0', since: 'r7' as const } }
  expect(needing(high, 'v1.9.0').floor).toEqual(high.floor)
  const { ledger } = intend(empty, intent('v2.0.0'))
  expect(raiseFloor(ledger, 'r1')).toBe(ledger)
})

test('a version lives with a floor that it is not older than; one that is not known does not', () => {
  const floor = { version: 'v1.4.0', since: 'r5' as const }
  expect(livesWith(undefined, 'latest')).toBe(true)
  expect(
    ['v1.4.0', 'v1.5.0-rc.1', 'v1.3.9', 'v1.4.0-rc.1', 'latest'].map(each => livesWith(floor, each)),
  ).toEqual([true, true, false, false, false])
})

test('an operator may confirm an older version: the floor is that version then', () => {
  const ledger = adopt({ ...empty, floor: { version: 'v1.4.0', since: 'r5' } }, intent('v1.2.0'))
  const [entry] = ledger.entries
  if (!entry) throw new Error('nothing was adopted')
  expect(lowerFloor(ledger, entry).floor).toEqual({ version: 'v1.2.0', since: 'r0' })
  expect(lowerFloor(ledger, { ...entry, version: 'v1.5.0' })).toBe(ledger)
})

test('a release may not cut off the way back to the one that serves', () => {
  const serving = adopt(empty, intent('v1.3.0')).entries[0]
  expect(cutsTheWayBack(serving, 'v1.4.0')).toContain('v1.3.0 (r0) serves')
  expect(cutsTheWayBack(serving, 'v1.3.0')).toBeUndefined()
  expect(cutsTheWayBack(serving, undefined)).toBeUndefined()
  expect(cutsTheWayBack(undefined, 'v1.4.0')).toBeUndefined()
})
