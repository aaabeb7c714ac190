import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { LeaseLostError, OnHoldError } from '../../../shared/outcome/errors.ts'
import type { Holder } from '../../../shared/release/lease.ts'
import { act } from '../../../shared/release/ledger.ts'
import type { Environment } from '../../../shared/config/environment.ts'
import type { Adapters } from '../../../shared/targets/adapters.ts'
import { writeFirst, writeWhole } from '../../../shared/targets/process/source/files.ts'
import { placesOf, type Context } from '../../../shared/targets/process/places.ts'
import { readState, overrideLease, takeLease, type HeldLease } from '../../../shared/targets/process/store.ts'

let root = ''
let now = 0
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rb-store-'))
  now = 1_000_000
})
afterEach(() => rmSync(root, { recursive: true }))

const spec = { kind: 'process', app: 'api', directory: 'deployment/releases', start: 'main.js' } as const

function context(): Context {
  const environment = { service: 'api', name: 'development', root } as Environment
  const clock = { now: () => now, elapsed: () => now, sleep: () => Promise.resolve() }
  return {
    environment,
    spec,
    places: placesOf(environment, spec),
    adapters: { clock } as Partial<Adapters> as Adapters,
  }
}

const run = (name: string, attempt = 1): Holder => ({
  run: name,
  attempt,
  job: 'deploy',
  title: `run ${name}`,
  url: '',
})

function take(holder: Holder, deadlineMs = 60_000): HeldLease {
  const taken = takeLease(context(), holder, 'work', deadlineMs)
  if ('held' in taken) throw new Error(`held by ${taken.held.holder.title}`)
  if ('hold' in taken) throw new Error(`on hold by ${taken.hold.by}`)
  return taken
}

test('the lease is held until its deadline', () => {
  const first = take(run('1'))
  expect(takeLease(context(), run('2'), 'work', 60_000)).toMatchObject({
    held: { holder: run('1'), epoch: 1 },
  })

  now += 60_000
  const second = take(run('2'))

  expect(second.state.epoch).toBe(2)
  expect(() => first.write(() => ({ lease: null }))).toThrow(LeaseLostError)
  expect(() => first.check()).toThrow('run 2')
})

test('what a former holder wrote last is what the next one starts from', () => {
  const first = take(run('1'))
  first.write(({ ledger }) => ({ ledger: { ...ledger, serving: 'r7' }, lease: null }))

  const second = take(run('2'))

  expect(second.state.ledger.serving).toBe('r7')
  expect(readState(context())).toEqual(second.state)
  expect(readdirSync(join(root, 'deployment/releases')).sort()).toEqual(['.gitignore', 'state-2.json'])
})

test('of two steps that go on with what was handed over, one wins', () => {
  const first = take(run('1'))
  first.write(({ lease }) => ({ lease: lease && { ...lease, handedOver: true } }))

  const second = take(run('1'))

  expect(second.state).toMatchObject({ epoch: 2, lease: { handedOver: false } })
  expect(() => first.write(() => ({ lease: null }))).toThrow(LeaseLostError)
})

test('an operator ends the lease of a run that works, which is told who holds the environment and why', () => {
  const first = take(run('1'))
  const at = '2026-01-01T00:00:00.000Z'

  const ended = overrideLease(context(), run('op'), ledger =>
    act(ledger, { kind: 'hold', by: 'ada', because: 'moving the database', at }),
  )

  expect(ended).toMatchObject({ holder: run('1') })
  expect(() => first.check()).toThrow(OnHoldError)
  expect(() => first.check()).toThrow('is on hold by ada, since 2026-01-01 00:00 UTC: moving the database')
  expect(readState(context())).toMatchObject({ lease: null, epoch: 2 })
  expect(takeLease(context(), run('2'), 'undo', 60_000)).toMatchObject({ hold: { by: 'ada' } })
})

test('a later attempt of a run takes over from the earlier one at once', () => {
  take(run('1'))
  expect(take(run('1', 2)).state.epoch).toBe(2)
})

test('the folder is kept out of git, and its files from other users', () => {
  take(run('1'))
  const folder = join(root, 'deployment/releases')
  expect(readFileSync(join(folder, '.gitignore'), 'utf8')).toBe('*\n')
  expect(statSync(join(folder, 'state-1.json')).mode & 0o777).toBe(0o600)
  expect(statSync(folder).mode & 0o777).toBe(0o700)
})

test('a file is written whole or not at all, and the first of those that must be new wins', () => {
  const file = join(root, 'x')
  expect(writeFirst(file, 'one')).toBe(true)
  expect(writeFirst(file, 'two')).toBe(false)
  expect(readFileSync(file, 'utf8')).toBe('one')
  writeWhole(file, 'three')
  expect(readFileSync(file, 'utf8')).toBe('three')
  writeFileSync(`${file}.1.draft`, 'cut off in the mid')
  expect(readFileSync(file, 'utf8')).toBe('three')
  expect(readdirSync(root).sort()).toEqual(['x', 'x.1.draft'])
})
