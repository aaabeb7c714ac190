import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { dumpKey, manifestKey } from '../../../shared/backup/storage/keys.ts'
import type { Manifest } from '../../../shared/backup/storage/manifest.ts'
import { beginReading } from '../../../shared/backup/dump/snapshot.ts'
import { openStore } from '../../../shared/backup/storage/open-store.ts'
import type { Store } from '../../../shared/backup/storage/store.ts'
import { connect } from '../../../shared/integrations/database/postgres.ts'
import { parsePostgresUrl } from '../../../shared/integrations/database/postgres-url.ts'
import { showVerifyingKey } from '../../../shared/config/verifying-key.ts'
import { makeKeyPair } from '../../backup-store.ts'
import { logTo } from '../../log.ts'
import { openScene, succeeded, type Scene } from './scene.ts'

/* What a holder of the keys of the store, or the owner of a table, can do to who backs up and restores. */

const own = makeKeyPair()
const { signal } = new AbortController()
let scene: Scene
beforeEach(async () => {
  scene = await openScene()
  await scene.sql("CREATE TABLE t AS SELECT 'genuine' AS a")
})
afterEach(() => scene.close())

function demand(rules: Partial<NonNullable<Scene['environment']['backup']>>): void {
  const { backup } = scene.environment
  if (backup) Object.assign(backup, rules)
}

const read = async (store: Store, key: string) => buffer(await store.get(key, signal))

async function replace(store: Store, key: string, content: Buffer): Promise<void> {
  await store.remove([key])
  await store.put(key, Readable.from([content]), { expectedBytes: content.length, signal })
}

/** The manifest of a backup, out of its envelope. */
async function manifestOf(store: Store, uri: string): Promise<Manifest> {
  const key = uri.slice(store.uri.length + 1)
  const outer = JSON.parse((await read(store, manifestKey(key))).toString()) as {
    payload?: string
  } & Manifest
  return outer.payload === undefined
    ? outer
    : (JSON.parse(Buffer.from(outer.payload, 'base64').toString()) as Manifest)
}

describe.each(['file', 's3'])('in a store of %s, whose runbook demands signatures,', kind => {
  const open = async () => {
    const destination = kind === 'file' ? `file://${scene.folder}/store` : `s3://${scene.bucket}/store`
    demand({ destination, signedBy: [showVerifyingKey(makeKeyPair()), showVerifyingKey(own)] })
    const { endpoint, accessKeyId, secretAccessKey, region } = scene.lab.s3
    return openStore('destination', destination, {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: region,
    })
  }

  test('a forged backup is refused by name, and is not the latest, which is still found', async () => {
    const store = await open()
    const signed = succeeded(await scene.backUp({ 'signing-key': own.pem })).outputs['backup-uri'] ?? ''
    const manifest = await manifestOf(store, signed)
    const dump = await read(store, manifest.key)
    const forged = {
      service: manifest.service,
      environment: manifest.environment,
      takenAt: Date.parse(manifest.takenAt) + 1_000,
    }
    const key = dumpKey(forged, '.dump.zst')
    const takenAt = new Date(forged.takenAt).toISOString()
    await replace(store, key, dump)
    await replace(store, manifestKey(key), Buffer.from(JSON.stringify({ ...manifest, key, takenAt })))

    const lines: string[] = []
    const into = `${scene.database}-latest`
    const latest = succeeded(await scene.restore({ into }, { log: logTo(line => lines.push(line)) }))
    expect(latest.outputs['restored-from']).toBe(signed)
    expect(latest.evidence).toContainEqual(expect.objectContaining({ subject: 'signature', tone: 'good' }))
    expect(lines.join('\n')).toContain('1 objects of')
    const before = await scene.databases()
    const named = await scene.restore({ confirm: 'staging', backup: `${store.uri}/${key}` })
    expect(named).toMatchObject({ status: 'failure', reason: 'backup-untrusted' })
    expect(named.summary).toContain('is not signed')
    expect(await scene.databases()).toEqual(before)
  })

  test('a dump that was exchanged is refused before a byte of it is used', async () => {
    const store = await open()
    const signed =
      succeeded(await scene.backUp({ 'signing-key': own.pem, verify: 'none' })).outputs['backup-uri'] ?? ''
    await scene.sql("UPDATE t SET a = 'forged'")
    const forged =
      succeeded(await scene.backUp({ 'signing-key': own.pem, verify: 'none' })).outputs['backup-uri'] ?? ''
    const keyOf = (uri: string) => uri.slice(store.uri.length + 1)
    await replace(store, keyOf(signed), await read(store, keyOf(forged)))
    const before = await scene.databases()
    const refused = await scene.restore({ confirm: 'staging', backup: signed })
    expect(refused).toMatchObject({ status: 'failure', reason: 'backup-untrusted' })
    expect(refused.summary).toContain('is damaged, or was replaced')
    expect(await scene.databases()).toEqual(before)
    // A manifest that is moved to the other dump is none of it.
    await replace(store, manifestKey(keyOf(forged)), await read(store, manifestKey(keyOf(signed))))
    expect(await scene.restore({ confirm: 'staging', backup: forged })).toMatchObject({
      reason: 'backup-untrusted',
    })
  })

  test('no backup is taken that could not be restored: the key is missing, or another one', async () => {
    const store = await open()
    for (const words of [{}, { 'signing-key': makeKeyPair().pem }])
      expect(await scene.backUp(words)).toMatchObject({ status: 'failure', reason: 'input-invalid' })
    expect(await store.list(signal)).toEqual([])
  })
})

test('where nothing is signed, a warning says so, and nothing that a manifest says is run', async () => {
  const query = 'SELECT a FROM t'
  const taken = succeeded(await scene.backUp({ 'verify-query': query }))
  expect(taken.evidence).toContainEqual(
    expect.objectContaining({
      subject: 'signature',
      tone: 'warn',
      finding: expect.stringContaining('backup-unsigned') as unknown,
    }),
  )
  const store = await openStore('destination', `file://${scene.folder}/store`, {})
  const manifest = await manifestOf(store, taken.outputs['backup-uri'] ?? '')
  const role = `pwned_${randomBytes(4).toString('hex')}`
  const text = `SELECT 1) AS asked; COMMIT; CREATE ROLE ${role} SUPERUSER; --`
  const asked = { text, schemas: ['public'], rows: 1, sha256: 'a'.repeat(64), number: '' }
  const forged = { ...manifest, contents: { ...manifest.contents, query: asked } }
  await replace(store, manifestKey(manifest.key), Buffer.from(JSON.stringify(forged)))
  succeeded(await scene.restore({ into: `${scene.database}-asked` }))
  expect(await scene.sql(`SELECT rolname FROM pg_roles WHERE rolname = '${role}'`)).toEqual([])
  // Nor is a second statement of the user's own query.
  const refused = await scene.backUp({ 'verify-query': text.replace('COMMIT; ', '') })
  expect(refused).toMatchObject({ status: 'failure', reason: 'input-invalid' })
  expect(await scene.sql(`SELECT rolname FROM pg_roles WHERE rolname = '${role}'`)).toEqual([])
})

test('a plaintext backup is refused once the runbook demands encryption', async () => {
  const plain = succeeded(await scene.backUp({ verify: 'none' })).outputs['backup-uri'] ?? ''
  demand({ encryptTo: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'] })
  const refused = await scene.restore({ into: `${scene.database}-plain`, backup: plain })
  expect(refused).toMatchObject({ status: 'failure', reason: 'backup-untrusted' })
  expect(refused.summary).toContain('is not encrypted')
})

test('a view in the place of a table is not read when tables are counted, and may be in the user’s own query', async () => {
  await scene.sql('CREATE VIEW v AS SELECT * FROM t')
  const session = await connect(parsePostgresUrl('url', scene.url, {}), { signal })
  await beginReading(session)
  await expect(session.rows('SELECT * FROM public.v')).rejects.toThrow('non-system view')
  await session.close()
  const outcome = succeeded(await scene.backUp({ 'verify-query': 'SELECT count(*) FROM v' }))
  expect(outcome.evidence).toContainEqual(
    expect.objectContaining({ finding: expect.stringContaining('1') as unknown }),
  )
})

test('a cast to text that the owner of a type made does not run when its values are counted', async () => {
  await scene.sql(
    `CREATE TYPE status AS ENUM ('open', 'paid');
     CREATE FUNCTION cast_it(status) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the cast ran'; END $$;
     CREATE CAST (status AS text) WITH FUNCTION cast_it(status);
     CREATE TABLE orders (id int, s status, all_of status[], tags jsonb); INSERT INTO orders VALUES (1, 'open', '{open,NULL}', '{"a": 1}'), (2, NULL, NULL, NULL)`,
  )
  succeeded(await scene.backUp())
})
