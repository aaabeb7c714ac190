import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { openWithIdentity, sealTo } from '../../../shared/backup/age.ts'
import { openFileStore } from '../../../shared/backup/file-store.ts'
import { readLedgerCopies, writeLedgerCopy } from '../../../shared/backup/ledger-copy.ts'
import { unsealed, type Sealing } from '../../../shared/backup/seal.ts'
import type { Store } from '../../../shared/backup/store.ts'
import { act, emptyLedger, keptReleases, retire, type Ledger } from '../../../shared/release/ledger.ts'
import { at, released } from '../release/releases.ts'

const owner = { service: 'api', environment: 'production' }
const { signal } = new AbortController()
let folder: string
let store: Store
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ledger-copy-'))
  store = openFileStore(folder)
})
afterEach(() => rmSync(folder, { recursive: true }))

function kept(ledger: Ledger, version: string): Ledger {
  return retire(released(ledger, version), keptReleases).ledger
}

/** As many releases as are said, each copied once it is good. */
async function copied(count: number, sealing: Sealing): Promise<Ledger> {
  let ledger = emptyLedger('api', 'production')
  for (let number = 1; number <= count; number++) {
    ledger = kept(ledger, `v1.${number}.0`)
    const records = { [`r${number}`]: { token: 'a-secret-value' } }
    await writeLedgerCopy(store, owner, { ledger, records }, sealing, Date.parse(at) + number * 1_000, signal)
  }
  return ledger
}

const unasked = () => Promise.reject(new Error('nothing is sealed'))

test('no history is lost, also of releases that the ledger has forgotten long since', async () => {
  const ledger = act(await copied(35, unsealed), { kind: 'hold', by: 'ada', because: 'x', at: '2026-02-01' })
  await writeLedgerCopy(store, owner, { ledger, records: {} }, unsealed, Date.parse('2026-02-01'), signal)
  const found = await readLedgerCopies(store, owner, unasked, signal)
  expect(found?.takenAt).toBe(Date.parse('2026-02-01'))
  expect(found?.ledger.entries.map(({ id }) => id)).toEqual(Array.from({ length: 35 }, (_, i) => `r${i + 1}`))
  expect(found?.ledger).toMatchObject({ serving: 'r35', hold: { by: 'ada' }, acts: [{ kind: 'hold' }] })
})

test('is sealed, and then holds the record; unsealed it never does', async () => {
  const identity = await generateIdentity()
  const sealing = await sealTo('encrypt-to', [await identityToRecipient(identity)])
  await copied(2, sealing)
  await copied(1, unsealed)
  const files = readdirSync(join(folder, 'ledger'))
  expect(files.map(name => name.replace(/_[0-9a-f]{12}/, '')).sort()).toEqual([
    'ledger_20260101_000001_api_production_r1.json.zst',
    'ledger_20260101_000001_api_production_r1.json.zst.age',
    'ledger_20260101_000002_api_production_r2.json.zst.age',
  ])
  for (const file of files)
    expect(readFileSync(join(folder, 'ledger', file)).includes('a-secret-value')).toBe(false)
  const opening = () => openWithIdentity('decrypt-with', identity)
  expect((await readLedgerCopies(store, owner, opening, signal))?.ledger.serving).toBe('r2')
  const other = await generateIdentity()
  const wrong = () => openWithIdentity('decrypt-with', other)
  await expect(readLedgerCopies(store, owner, wrong, signal)).rejects.toThrow('not the identity')
})

test('copies of another service or environment are nobody else’s', async () => {
  await copied(1, unsealed)
  for (const each of [
    { ...owner, service: 'billing' },
    { ...owner, environment: 'staging' },
  ])
    expect(await readLedgerCopies(store, each, unasked, signal)).toBeUndefined()
})

test('what is there already is not written again', async () => {
  const ledger = await copied(2, unsealed)
  const later = Date.parse(at) + 9_000_000
  await writeLedgerCopy(store, owner, { ledger, records: {} }, unsealed, later, signal)
  expect(readdirSync(join(folder, 'ledger'))).toHaveLength(2)
  const held = act(ledger, { kind: 'hold', by: 'ada', because: 'x', at })
  await writeLedgerCopy(store, owner, { ledger: held, records: {} }, unsealed, later, signal)
  expect(readdirSync(join(folder, 'ledger'))).toHaveLength(3)
})
