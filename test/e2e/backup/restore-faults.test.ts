import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { systemClock } from '../../../shared/host/clock.ts'
import { systemExec, type Exec } from '../../../shared/host/exec.ts'
import { logTo } from '../../log.ts'
import { openScene, succeeded, type Scene } from './scene.ts'

// Whatever goes wrong with a restore, the live database is as it was, and nothing half-filled stays beside it.
let scene: Scene
beforeAll(async () => {
  scene = await openScene()
  await scene.sql(
    'CREATE TABLE t AS SELECT i, repeat(md5(i::text), 20) AS text FROM generate_series(1, 30000) i; CREATE INDEX ON t (text)',
  )
})
afterAll(() => scene.close())
afterEach(async () => {
  await rm(join(scene.folder, 'store'), { recursive: true, force: true })
  expect(await scene.databases()).toEqual([scene.database])
  expect(await scene.sql('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 30_000 }])
})

const confirmed = { confirm: 'staging' }

/** The real programs, and what is done once `pg_restore` has been given so many bytes. */
function meeting(bytes: number, what: (child: { kill(): void }) => void): Exec {
  return {
    ...systemExec,
    start(file, args, options) {
      const child = systemExec.start(file, args, options)
      if (!file.endsWith('/pg_restore')) return child
      let seen = 0
      const write = child.stdin.write.bind(child.stdin)
      child.stdin.write = ((chunk: Buffer, ...rest: []) => {
        const before = seen
        seen += chunk.length
        if (before <= bytes && seen > bytes) what({ kill: () => child.kill('SIGKILL') })
        return write(chunk, ...rest)
      }) as typeof child.stdin.write
      return child
    },
  }
}

/** Backs up without a proof, so that what is spoilt is met by the restore alone. @returns the path to restore from */
async function backUp(inputs: Record<string, string> = {}): Promise<string> {
  succeeded(await scene.backUp({ verify: 'none', ...inputs }))
  const files = await readdir(join(scene.folder, 'store'), { recursive: true })
  return `store/${files.find(name => name.includes('.dump.zst')) ?? ''}`
}

test('pg_restore is killed half-way', async () => {
  const backup = await backUp()
  const exec = meeting(100_000, child => child.kill())
  const outcome = await scene.restore({ ...confirmed, backup }, { exec })
  expect(outcome).toMatchObject({ status: 'failure', reason: 'restore-failed' })
  expect(outcome.summary).toMatch(/pg_restore|killed/)
})

test('the server ends its connection half-way', async () => {
  const backup = await backUp()
  // Its session may come a little later than its first bytes.
  let over = false
  let ended: Promise<void> = Promise.resolve()
  const end = async () => {
    const sessions = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE '${scene.database}_restore_%'`
    while (!over && (await scene.sql(sessions, 'postgres')).length === 0) await new Promise(setImmediate)
  }
  const exec = meeting(0, () => {
    ended = end()
  })
  const outcome = await scene.restore({ ...confirmed, backup }, { exec })
  over = true
  await ended
  expect(outcome).toMatchObject({ status: 'failure', reason: 'restore-failed' })
  expect(outcome.next).not.toBe('')
})

test('the run is cancelled half-way', async () => {
  const backup = await backUp()
  const cancel = new AbortController()
  const exec = meeting(100_000, () => cancel.abort(new Error('cancelled')))
  const outcome = await scene.restore({ ...confirmed, backup }, { exec, signal: cancel.signal })
  expect(outcome).toMatchObject({ status: 'failure', reason: 'cancelled' })
})

test('the dump cannot be restored: a constraint asks for a table that is not there yet', async () => {
  await scene.sql(`CREATE TABLE zone (a int); INSERT INTO zone VALUES (1);
    CREATE FUNCTION known(int) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT 1 FROM zone WHERE a = $1)';
    CREATE TABLE address (a int CHECK (known(a))); INSERT INTO address VALUES (1)`)
  const backup = await backUp()
  const outcome = await scene.restore({ ...confirmed, backup })
  await scene.sql('DROP TABLE address; DROP FUNCTION known; DROP TABLE zone')
  expect(outcome).toMatchObject({ status: 'failure', reason: 'restore-failed' })
  expect(outcome.summary).toContain('zone')
})

const truncated = (bytes: Buffer) => bytes.subarray(0, bytes.length - 1)
const halved = (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)
const flipped = (bytes: Buffer) =>
  bytes.map((byte, at) => (at === ((bytes.length * 2) / 3) >> 0 ? byte ^ 16 : byte))

test.each([
  ['truncated', 'plain', truncated],
  ['cut in half', 'plain', halved],
  ['truncated', 'sealed', truncated],
  ['bit-flipped', 'sealed', flipped],
  ['longer than it was', 'plain', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')])],
])('the stored object is %s (%s)', async (_how, kind, change) => {
  const identity = await generateIdentity()
  const sealed = kind === 'sealed' ? { 'encrypt-to': await identityToRecipient(identity) } : {}
  const backup = await backUp(sealed)
  const file = join(scene.folder, backup)
  await writeFile(file, change(await readFile(file)))
  const key = kind === 'sealed' ? { 'decrypt-with': identity } : {}
  const outcome = await scene.restore({ ...confirmed, ...key, backup })
  expect(outcome).toMatchObject({ status: 'failure', reason: 'backup-untrusted' })
  expect(outcome.summary).toContain('damaged')
})

test('the backup is older than was asked', async () => {
  await backUp({ verify: 'restore' })
  const now = Date.now() + 7_200_000
  const clock = { ...systemClock, now: () => now }
  const outcome = await scene.restore({ ...confirmed, 'max-age': '1h' }, { clock })
  expect(outcome).toMatchObject({ status: 'failure', reason: 'restore-refused' })
  expect(outcome.summary).toMatch(/taken 2 h 0 min ago.*max-age is 1 h/)
})

test('the drill restores the newest one aside, says how long it took, and fails when an objective is missed', async () => {
  await backUp({ verify: 'restore' })
  const well = succeeded(await scene.restore({ into: 'scratch' }))
  expect(well).toMatchObject({ step: 'drill', outputs: { rows: '30000', 'kept-as': '' } })
  expect(Number(well.outputs['rto-ms'])).toBeGreaterThan(0)
  expect(well.evidence.map(({ subject }) => subject)).toEqual(
    expect.arrayContaining(['RPO', 'RTO', 'retention']),
  )
  const later = Date.now() + 2 * 3_600_000
  const clock = { ...systemClock, now: () => later }
  const missed = await scene.restore({ into: 'scratch' }, { clock })
  expect(missed).toMatchObject({ status: 'failure', reason: 'objective-missed' })
  expect(missed.summary).toContain('misses the RPO of 1 h')
})

test('neither how long a drill takes nor the age of a backup that was named says that the newest is too old', async () => {
  const backup = await backUp({ verify: 'restore' })
  let passed = 0
  const clock = { ...systemClock, now: () => Date.now() + passed }
  const log = logTo(line => {
    if (line.startsWith('Restoring ')) passed = 2 * 3_600_000
  })
  const slow = succeeded(await scene.restore({ into: 'scratch' }, { clock, log }))
  expect(Number(slow.outputs['rpo-ms'])).toBeLessThan(3_600_000)
  expect(passed).toBeGreaterThan(0)
  const named = succeeded(await scene.restore({ into: 'scratch', backup }, { clock }))
  expect(named.outputs['rpo-ms']).toBe('')
})
