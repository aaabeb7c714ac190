import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { listBackups, newestBackup, readManifest } from '../../../shared/backup/storage/catalog.ts'
import { openFileStore } from '../../../shared/backup/storage/file-store.ts'
import { dumpKey, manifestKey } from '../../../shared/backup/storage/keys.ts'
import { writeManifest, type Manifest } from '../../../shared/backup/storage/manifest.ts'
import { planRetention } from '../../../shared/backup/storage/retention.ts'
import { chooseSigning } from '../../../shared/backup/encryption/trust.ts'
import type { SigningKey } from '../../../shared/backup/encryption/signature.ts'
import { makeKeyPair, manifestAt, readingAt } from '../../backup-store.ts'

/* What another holder of the keys of the store can put there. */

const [minute, day] = [60_000, 86_400_000]
const now = Date.parse('2026-03-01T12:00:00Z')
const owner = { service: 'api', environment: 'production' }
const dump = Buffer.from('dump')
const own = makeKeyPair()
let folder: string
let warned: string[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'catalog-'))
  warned = []
})
afterEach(() => rmSync(folder, { recursive: true }))

function put(key: string, content: string | Buffer): void {
  mkdirSync(dirname(join(folder, key)), { recursive: true })
  writeFileSync(join(folder, key), content)
}

function keep(manifest: Manifest, signing: SigningKey | undefined): Manifest {
  put(manifest.key, dump)
  put(manifestKey(manifest.key), writeManifest(manifest, signing))
  return manifest
}

const demanding = () => readingAt(now, { keys: [own], log: { warn: line => warned.push(line) } })
const store = () => openFileStore(folder)
const newest = async (reading = demanding()) =>
  (await newestBackup(store(), owner, reading))?.manifest.takenAt
const at = (ageMs: number) => new Date(now - ageMs).toISOString()

test('forgeries neither stand for the newest backup nor hide it, and are named once', async () => {
  const good = keep(manifestAt(now - 60 * minute, dump), own)
  keep(manifestAt(now - 50 * minute, dump), undefined)
  keep(manifestAt(now - 49 * minute, dump), makeKeyPair())
  // Signed, but another backup; signed, but changed since.
  const other = dumpKey({ ...owner, takenAt: now - 48 * minute }, '.dump.zst')
  put(other, dump)
  cpSync(join(folder, manifestKey(good.key)), join(folder, manifestKey(other)))
  const changed = manifestAt(now - 47 * minute, dump)
  put(changed.key, dump)
  const envelope = JSON.parse(writeManifest(changed, own)) as { payload: string }
  const payload = JSON.stringify({ ...changed, sha256: 'b'.repeat(64) })
  put(
    manifestKey(changed.key),
    JSON.stringify({ ...envelope, payload: Buffer.from(payload).toString('base64') }),
  )
  put(dumpKey({ ...owner, takenAt: now - 46 * minute }, '.dump.zst'), dump)
  put(manifestKey(dumpKey({ ...owner, takenAt: now - 46 * minute }, '.dump.zst')), 'no json')
  // Of the future, as far as it says.
  keep(manifestAt(Date.parse('2099-01-01'), dump), own)
  // Beside the good one, under its name.
  put(good.key.replace('.zst', '.zst.gpg'), 'x')
  put(good.key.replace('.zst', '.zst.age'), 'x')
  expect(await newest()).toBe(at(60 * minute))
  expect(warned).toEqual([
    expect.stringMatching(/^6 objects of file:.* were passed over \(backup-untrusted\): /),
  ])
})

test('hundreds of forgeries are passed over as well', async () => {
  keep(manifestAt(now - 60 * minute, dump), own)
  for (let second = 1; second <= 300; second++) keep(manifestAt(now - second * 1_000, dump), undefined)
  expect(await newest()).toBe(at(60 * minute))
  expect(warned).toHaveLength(1)
})

test('a link, a pipe or a folder in the place of a manifest is passed over', async () => {
  keep(manifestAt(now - 60 * minute, dump), own)
  const keys = [50, 40, 30].map(age => dumpKey({ ...owner, takenAt: now - age * minute }, '.dump.zst'))
  for (const key of keys) put(key, dump)
  const [one = '', two = '', three = ''] = keys.map(key => join(folder, manifestKey(key)))
  symlinkSync('/dev/zero', one)
  execFileSync('mkfifo', [two])
  mkdirSync(three)
  expect(await newest()).toBe(at(60 * minute))
  for (const key of keys) {
    const listed = { ...owner, key, dumps: [key], hasDump: true, hasManifest: true }
    const takenAt = Date.parse(at(50 * minute)) + keys.indexOf(key) * 10 * minute
    await expect(readManifest(store(), { ...listed, takenAt }, demanding())).rejects.toThrow('Could not read')
  }
})

test('a plaintext backup is refused where the runbook demands encryption, also a signed one', async () => {
  const encryption: Manifest['encryption'] = { how: 'age', recipients: ['age1x'] }
  const sealed = { extension: '.dump.zst.age' as const, encryption }
  keep(manifestAt(now - 60 * minute, dump, sealed), own)
  keep(manifestAt(now - 50 * minute, dump), own)
  // What it says, and what its name says.
  keep(manifestAt(now - 40 * minute, dump, { ...sealed, extension: '.dump.zst' }), own)
  const encrypted = { ...demanding(), encrypted: true }
  expect(await newest(encrypted)).toBe(at(60 * minute))
  expect(warned.join()).toContain('is not encrypted, and the runbook demands it')
  expect(await newest()).toBe(at(50 * minute))
})

test('a manifest dated in the future is refused also where nothing is signed, but for a small difference of clocks', async () => {
  const unsigned = readingAt(now)
  keep(manifestAt(now - 60 * minute, dump), undefined)
  keep(manifestAt(Date.parse('2099-01-01'), dump), undefined)
  const verified = {
    how: 'restore',
    at: '2099-01-01T00:00:00.000Z',
    where: '',
    durationMs: 1,
    opened: 'none',
  } as const
  keep(manifestAt(now - 30 * minute, dump, { verified }), undefined)
  expect(await newest(unsigned)).toBe(at(60 * minute))
  keep(manifestAt(now + 2 * minute, dump), undefined)
  expect(await newest(unsigned)).toBe(at(-2 * minute))
})

test('attributes of roles, and what becomes an argument of a program, have a strict grammar', async () => {
  const globals = [{ name: 'app', options: roleOptions, memberOf: [] }]
  const manifest = manifestAt(now - 60 * minute, dump)
  const facts = { ...manifest.database, roles: ['app'], globals }
  const [listed] = await keepAndList({ ...manifest, database: facts }, own)
  expect((await readManifest(store(), listed, demanding())).manifest.database.globals).toEqual(globals)
  for (const database of [
    {
      ...facts,
      globals: [{ name: 'app', options: `${roleOptions}; ALTER ROLE app SUPERUSER`, memberOf: [] }],
    },
    {
      ...facts,
      globals: [{ name: 'app', options: `${roleOptions} VALID UNTIL ''; DROP TABLE t --'`, memberOf: [] }],
    },
    { ...facts, superuser: '--pwfile=/etc/passwd' },
    { ...facts, collate: 'C\nx' },
  ]) {
    const [wrong] = await keepAndList({ ...manifest, database }, own)
    await expect(readManifest(store(), wrong, demanding())).rejects.toThrow(
      'is not a manifest that can be read',
    )
  }
})

const roleOptions = 'NOSUPERUSER INHERIT NOCREATEROLE CREATEDB NOLOGIN NOREPLICATION NOBYPASSRLS'

async function keepAndList(manifest: Manifest, signing: SigningKey) {
  keep(manifest, signing)
  return (await listBackups(store(), owner, new AbortController().signal)) as [
    Awaited<ReturnType<typeof listBackups>>[0],
  ]
}

test('forged backups let no good one go, and do not go themselves', async () => {
  for (const age of [40, 41, 42]) keep(manifestAt(now - age * day, dump), own)
  for (let age = 1; age <= 20; age++) keep(manifestAt(now - age * day, dump), undefined)
  for (let year = 2027; year <= 2046; year++) keep(manifestAt(Date.parse(`${year}-01-01`), dump), own)
  const forgedAndOld = keep(manifestAt(now - 50 * day, dump), undefined)
  const rules = { days: 30, shortDays: 2, keepAtLeast: 3, needed: [] }
  expect(await planRetention(demanding(), store(), owner, rules)).toEqual([])
  // With newer good ones, the old ones go as ever.
  for (const age of [1, 2, 3]) keep(manifestAt(now - age * day - minute, dump), own)
  const expired = await planRetention(demanding(), store(), owner, rules)
  expect(expired.map(({ takenAt }) => (now - takenAt) / day)).toEqual([40, 41, 42])
  expect(expired.map(({ key }) => key)).not.toContain(forgedAndOld.key)
})

test('a backup is signed with a key that the runbook names, or not taken at all', () => {
  expect(chooseSigning({ keys: [] }, '')).toBeUndefined()
  expect(chooseSigning({ keys: [makeKeyPair(), own] }, own.pem)?.keyid).toBe(own.keyid)
  expect(chooseSigning({ keys: [] }, own.pem)?.keyid).toBe(own.keyid)
  expect(() => chooseSigning({ keys: [own] }, '')).toThrow('signing-key is missing')
  expect(() => chooseSigning({ keys: [makeKeyPair()] }, own.pem)).toThrow(
    'is the key of none of backup.signed-by',
  )
})
