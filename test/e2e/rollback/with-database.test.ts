import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openScene, type Scene } from './with-database-scene.ts'

// Each test starts with v1.0.0 (r1) good, and a newer release that writes upon it, deployed after a backup.
let scene: Scene
let newer = 0

beforeAll(async () => {
  scene = await openScene()
  await scene.sql(
    'CREATE TABLE writes (id bigserial PRIMARY KEY, version text); CREATE TABLE users (name text)',
  )
  await scene.sql("INSERT INTO users VALUES ('ada'), ('bob'), ('cyd')")
  await scene.release('v1.0.0')
})
afterAll(() => scene.close())

/** @returns the version that was released, and the URI of the backup before it */
async function releaseNewer(): Promise<{ version: string; backup: string }> {
  const version = `v1.${(newer += 1)}.0`
  const { outputs } = await scene.backUp()
  const backup = outputs['backup-uri'] ?? ''
  await scene.release(version, { backup })
  await writes(version)
  return { version, backup }
}

/** Waits until a version has written. */
async function writes(version: string): Promise<void> {
  while ((await countOf(version)) === 0) await new Promise(setImmediate)
}

async function countOf(version: string, database?: string): Promise<number> {
  const [row] = await scene.sql<{ n: number }>(
    `SELECT count(*)::int AS n FROM writes WHERE version = '${version}'`,
    database,
  )
  return row?.n ?? 0
}

const kept = async () => (await scene.databases()).filter(name => name.includes('_before_'))
const restored = async () => (await scene.databases()).filter(name => name.includes('_restore_'))

test('without a backup of its own a release is not taken back with its database', async () => {
  await scene.release('v1.0.1')
  const outcome = await scene.rollback({ 'with-db': 'true', confirm: 'production' })
  expect(outcome).toMatchObject({ status: 'failure', reason: 'restore-refused' })
  expect(outcome.summary).toContain('v1.0.1 (r2) was deployed without a backup')
  expect((await scene.ledger()).restoring).toBeNull()
  expect(await scene.rollback({})).toMatchObject({ reason: 'restored-unverified', serving: 'v1.0.0' })
})

test('a dry run says what would be lost, and the real one wants the name of the environment', async () => {
  const { version, backup } = await releaseNewer()
  await scene.sql("UPDATE users SET name = 'eve' WHERE name = 'bob'; DELETE FROM users WHERE name = 'cyd'")
  const seen = await scene.rollback({ 'with-db': 'true', 'dry-run': 'true' })
  expect(seen).toMatchObject({ status: 'success', reason: 'dry-run' })
  const loss = seen.evidence.find(({ subject }) => subject === 'database')
  expect(loss?.finding).toMatch(/goes back to the backup of .* ago: \d+ rows of 2 tables/)
  expect(loss?.detail).toContain(backup)
  expect(loss?.detail).toContain('public.users: 1 new or changed, 2 changed or removed')
  expect(await scene.rollback({ 'with-db': 'true' })).toMatchObject({ reason: 'input-invalid' })
  expect(await scene.databases()).toEqual([scene.database])
  expect(scene.app()).toBe(`${version} online`)
})

test('the release and its database go back together, and what was written since is kept', async () => {
  const { version } = { version: `v1.${newer}.0` }
  scene.logged.length = 0
  const outcome = await scene.rollback({ 'with-db': 'true', confirm: 'production' })
  expect(outcome).toMatchObject({ reason: 'restored-unverified', serving: 'v1.0.0' })
  const said = scene.logged.join('\n')
  expect(said.indexOf('public.users: 1 new or changed')).toBeLessThan(said.indexOf('Restoring'))
  expect(said.indexOf('stopped app probe')).toBeLessThan(said.indexOf('is the restored one now'))
  expect(scene.app()).toBe('v1.0.0 online')
  const users = 'SELECT name FROM users ORDER BY 1'
  expect(await scene.sql(users)).toEqual([{ name: 'ada' }, { name: 'bob' }, { name: 'cyd' }])
  const [before = ''] = await kept()
  expect(await scene.sql(users, before)).toEqual([{ name: 'ada' }, { name: 'eve' }])
  expect(await countOf(version)).toBe(0)
  expect(await countOf(version, before)).toBeGreaterThan(0)
  await writes('v1.0.0')
  expect(await restored()).toEqual([])
  const ledger = await scene.ledger()
  expect(ledger.restoring).toBeNull()
  expect(await scene.copiedHistory()).toEqual(ledger)
})

test.each([
  ['while the backup is restored', 'beside the live one', 30, 'as before'],
  ['while the databases are swapped', 'stopped app probe', 10, 'back'],
  ['when they are swapped', 'is the restored one now', 0, 'back'],
])(
  'killed %s, it is settled: one release, its whole database, nothing lost',
  async (_when, word, delay, end) => {
    const { version } = await releaseNewer()
    const [before, rows] = [await kept(), await countOf(version)]
    await scene.rollbackAndKill(word, delay)
    const settled = await scene.rollback({ settle: 'true' })
    const { serving, restoring } = await scene.ledger()
    expect(restoring).toBeNull()
    if (end === 'as before') {
      expect(settled.reason).toBe('nothing-to-settle')
      expect(scene.app()).toBe(`${version} online`)
      expect(await countOf(version)).toBeGreaterThanOrEqual(rows)
      // What is half-filled is named by the next one; the way back is still open.
      for (const name of await restored()) await scene.sql(`DROP DATABASE "${name}" WITH (FORCE)`, 'postgres')
      await scene.rollback({})
    } else {
      expect(settled).toMatchObject({ reason: 'restored-unverified', serving: 'v1.0.0' })
      expect(scene.app()).toBe('v1.0.0 online')
      const now = (await kept()).filter(name => !before.includes(name))
      expect(now).toHaveLength(1)
      expect(await countOf(version, now[0])).toBeGreaterThanOrEqual(rows)
      expect(await countOf(version)).toBe(0)
      expect(await restored()).toEqual([])
      expect(serving).toBe('r1')
    }
    expect(await scene.rollback({ settle: 'true' })).toMatchObject({ reason: 'nothing-to-settle' })
  },
)

test('a database that cannot be swapped leaves everything as it was, and says so', async () => {
  const { version } = await releaseNewer()
  const before = await kept()
  scene.onLog = line => {
    // An operator drops the restored database, just before it is swapped in.
    const name = /Restoring .* into [^/]+\/(\S+), beside/.exec(line)?.[1]
    if (name !== undefined) dropped = name
    if (line.startsWith('stopped app')) scene.sqlNow(`DROP DATABASE "${dropped}"`, 'postgres')
  }
  let dropped = ''
  const outcome = await scene.rollback({ 'with-db': 'true', confirm: 'production' })
  scene.onLog = () => undefined
  expect(outcome).toMatchObject({ status: 'failure', reason: 'restore-failed', serving: version })
  expect(outcome.summary).toContain('is as it was')
  expect(scene.app()).toBe(`${version} online`)
  expect(await kept()).toEqual(before)
  expect(await restored()).toEqual([])
  expect((await scene.ledger()).restoring).toBeNull()
})
