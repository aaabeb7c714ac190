import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { openWithIdentity, sealTo } from '../../../shared/backup/encryption/age.ts'
import { openFileStore } from '../../../shared/backup/storage/file-store.ts'
import { InputError } from '../../../shared/outcome/errors.ts'
import { readLedgerCopies, writeLedgerCopy } from '../../../shared/backup/storage/ledger-copy.ts'
import { unsealed, type Sealing } from '../../../shared/backup/encryption/seal.ts'
import type { Store } from '../../../shared/backup/storage/store.ts'
import { act, emptyLedger, keptReleases, retire, type Ledger } from '../../../shared/release/ledger.ts'
import { makeKeyPair, readingAt } from '../../backup-store.ts'
import { at, released } from '../release/releases.ts'

const owner = { service: 'api', environment: 'production' }
const later = Date.parse('2026-03-01')
const reading = readingAt(later)
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
    const copy = { owner, ledger, records, sealing, signing: undefined }
    await writeLedgerCopy(store, copy, readingAt(Date.parse(at) + number * 1_000))
  }
  return ledger
}

const unasked = () => Promise.reject(new Error('nothing is sealed'))

test('no history is lost, also of releases that the ledger has forgotten long since', async () => {
  const ledger = act(await copied(35, unsealed), { kind: 'hold', by: 'ada', because: 'x', at: '2026-02-01' })
  const copy = { owner, ledger, records: {}, sealing: unsealed, signing: undefined }
  await writeLedgerCopy(store, copy, readingAt(Date.parse('2026-02-01')))
  const found = await readLedgerCopies(store, owner, unasked, reading)
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
  const demanding = readingAt(later, { encrypted: true })
  expect((await readLedgerCopies(store, owner, opening, demanding))?.ledger.serving).toBe('r2')
  const other = await generateIdentity()
  const wrong = () => openWithIdentity('decrypt-with', other)
  await expect(readLedgerCopies(store, owner, wrong, demanding)).rejects.toThrow('not the identity')
  // Where the runbook does not demand it, a sealed copy keeps none of the others from being read.
  const none = () => Promise.reject(new InputError('decrypt-with is missing', { hint: '' }))
  for (const way of [wrong, none])
    expect((await readLedgerCopies(store, owner, way, reading))?.ledger.serving).toBe('r1')
})

test('copies of another service or environment are not read', async () => {
  await copied(1, unsealed)
  for (const each of [
    { ...owner, service: 'billing' },
    { ...owner, environment: 'staging' },
  ])
    expect(await readLedgerCopies(store, each, unasked, reading)).toBeUndefined()
})

test('what is there already is not written again', async () => {
  const ledger = await copied(2, unsealed)
  const copy = { owner, records: {}, sealing: unsealed, signing: undefined }
  await writeLedgerCopy(store, { ...copy, ledger }, reading)
  expect(readdirSync(join(folder, 'ledger'))).toHaveLength(2)
  const held = act(ledger, { kind: 'hold', by: 'ada', because: 'x', at })
  await writeLedgerCopy(store, { ...copy, ledger: held }, reading)
  expect(readdirSync(join(folder, 'ledger'))).toHaveLength(3)
})

test('a copy that no key of the runbook has signed neither stands for the history nor keeps it from being written', async () => {
  const signing = makeKeyPair()
  const demands = (now: number, warn: (line: string) => void = () => undefined) =>
    readingAt(now, { keys: [signing], log: { warn } })
  const whole = await copied(2, unsealed)
  const forged = act(whole, { kind: 'hold', by: 'mallory', because: 'x', at })
  const copy = { owner, records: {}, sealing: unsealed }
  await writeLedgerCopy(store, { ...copy, ledger: whole, signing }, demands(later - 9_000))
  await writeLedgerCopy(store, { ...copy, ledger: forged, signing: undefined }, readingAt(later - 8_000))
  await writeLedgerCopy(store, { ...copy, ledger: forged, signing: makeKeyPair() }, readingAt(later - 7_000))
  // Genuine, but of another time: what is copied, or renamed, is not what was signed.
  const names = readdirSync(join(folder, 'ledger')).sort()
  const genuine = names.at(-3) ?? ''
  cpSync(
    join(folder, 'ledger', genuine),
    join(folder, 'ledger', genuine.replace(/_2026\d{4}_/, '_20260228_')),
  )
  const warned: string[] = []
  const found = await readLedgerCopies(
    store,
    owner,
    unasked,
    demands(later, line => warned.push(line)),
  )
  expect(found).toMatchObject({ takenAt: later - 9_000, ledger: { acts: [] }, proof: { kind: 'signed' } })
  expect(warned).toEqual([expect.stringContaining('backup-untrusted')])
  // The forged one has the name of the newest ledger all the same; the genuine one is written beside it.
  await writeLedgerCopy(store, { ...copy, ledger: forged, signing }, demands(later))
  expect((await readLedgerCopies(store, owner, unasked, demands(later)))?.ledger.acts).toHaveLength(1)
})

test('a copy that is dated in the future is not read', async () => {
  await copied(1, unsealed)
  const copy = { owner, ledger: emptyLedger('api', 'production'), records: {}, sealing: unsealed }
  await writeLedgerCopy(store, { ...copy, signing: undefined }, readingAt(Date.parse('2099-01-01')))
  expect((await readLedgerCopies(store, owner, unasked, reading))?.ledger.serving).toBe('r1')
})
