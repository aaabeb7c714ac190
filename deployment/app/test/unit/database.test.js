import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

import { isUnavailable } from '../../src/database.js'
import { DatabaseUnavailable, publicReason } from '../../src/errors.js'
import { pendingMigrations, readMigrations } from '../../src/migrations.js'

const MIGRATIONS = new URL('../../migrations/', import.meta.url)

test('the service has migrations, in order and without gaps', async () => {
  const migrations = await readMigrations(MIGRATIONS)
  assert(migrations.length >= 2)
  assert.deepEqual(
    migrations.map(({ version }) => version),
    migrations.map((_, index) => index + 1),
  )
})

test('a misnamed or missing number is refused by name', async context => {
  for (const names of [['001_a.sql', '003_b.sql'], ['1_a.sql'], ['001_a.sql', '001_b.sql'], ['001-a.sql']]) {
    const folder = await mkdtemp(join(tmpdir(), 'migrations-'))
    context.after(() => rm(folder, { recursive: true }))
    for (const name of names) await writeFile(join(folder, name), 'SELECT 1')
    await assert.rejects(readMigrations(pathToFileURL(`${folder}/`)), {
      message: new RegExp(`migrations/${names.at(-1)}`),
    })
  }
})

test('only what has not run yet is pending, and a database that is ahead is fine', async () => {
  const migrations = await readMigrations(MIGRATIONS)
  const [first] = migrations
  assert(first)
  assert.deepEqual(pendingMigrations(migrations, []), migrations)
  assert.deepEqual(pendingMigrations(migrations, [first]), migrations.slice(1))
  assert.deepEqual(
    pendingMigrations([first], [...migrations, { version: 99, checksum: 'from a later release' }]),
    [],
  )
})

test('an applied migration that was edited is refused', async () => {
  const migrations = await readMigrations(MIGRATIONS)
  assert.throws(
    () => pendingMigrations(migrations, [{ version: 1, checksum: 'other' }]),
    /001_create_users.sql was edited/,
  )
})

test('a server that is away is told from a query that is wrong', () => {
  for (const error of [
    { code: 'ECONNREFUSED' },
    { code: '28P01' },
    { code: '57P03' },
    { code: '53300' },
    { code: '3D000' },
  ]) {
    assert.equal(isUnavailable(error), true, error.code)
  }
  for (const message of [
    'timeout exceeded when trying to connect',
    'Connection terminated unexpectedly',
    'Query read timeout',
  ]) {
    assert.equal(isUnavailable(new Error(message)), true, message)
  }
  for (const error of [{ code: '42P01' }, { code: '23505' }, new Error('syntax')])
    assert.equal(isUnavailable(error), false)
})

test('the reason that callers see is a code and nothing else', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:5432'), { code: 'ECONNREFUSED' })
  assert.equal(publicReason(new DatabaseUnavailable(refused)), 'ECONNREFUSED')
  assert.equal(publicReason(new DatabaseUnavailable(new Error('user "x" at db-7'))), 'no-answer')
  assert.equal(publicReason(undefined), 'no-answer')
})
