import { createHash, generateKeyPairSync } from 'node:crypto'
import { dumpKey, type Extension } from '../shared/backup/storage/keys.ts'
import type { Manifest } from '../shared/backup/storage/manifest.ts'
import { readSigningKey, type SigningKey } from '../shared/backup/encryption/signature.ts'
import type { Reading } from '../shared/backup/encryption/trust.ts'

/* What tests of the backup store share. */

/** A reader of a backup store that demands nothing, but for what a test says. */
export function readingAt(now: number, demands: Partial<Reading> = {}): Reading {
  return {
    keys: [],
    encrypted: false,
    now,
    log: { warn: () => undefined },
    signal: new AbortController().signal,
    ...demands,
  }
}

/** A new pair of keys, and the private one as a job is given it. */
export function makeKeyPair(): SigningKey & { pem: string } {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  return { ...readSigningKey('signing-key', pem), pem }
}

/** The manifest of a dump that was restored and compared, of the service `api` in production. */
export function manifestAt(
  takenAt: number,
  dump: Buffer,
  { extension = '.dump.zst', ...rest }: Partial<Manifest> & { extension?: Extension } = {},
): Manifest {
  const owner = { service: rest.service ?? 'api', environment: 'production' }
  const at = new Date(takenAt).toISOString()
  return {
    manifest: 1,
    ...owner,
    key: dumpKey({ ...owner, takenAt }, extension),
    bytes: dump.length,
    sha256: createHash('sha256').update(dump).digest('hex'),
    beginnings: { every: 2 ** 22, sha256: [] },
    format: 'pg_dump custom',
    compression: 'zstd',
    encryption: { how: 'none' },
    dumpedBytes: dump.length,
    takenAt: at,
    durationMs: 1,
    by: { actor: 'ada', run: '1', url: '' },
    server: { address: 'db:5432/api', version: '17.1', major: 17 },
    client: { version: '17.1', major: 17 },
    database: {
      name: 'api',
      owner: 'api',
      encoding: 'UTF8',
      collate: 'C',
      ctype: 'C',
      provider: 'c',
      locale: '',
      extensions: [],
      roles: [],
      superuser: 'postgres',
      size: 4,
    },
    contents: { hashing: 'values', tables: [], sequences: [], largeObjects: { count: 0, checksum: '0' } },
    verified: { how: 'restore', at, where: '', durationMs: 1, opened: 'none' },
    ...rest,
  }
}
