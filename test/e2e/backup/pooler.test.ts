import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import pg from 'pg'
import { findPooler } from '../../../shared/integrations/database/postgres-pooler.ts'
import { parsePostgresUrl } from '../../../shared/integrations/database/postgres-url.ts'
import { freePort } from '../checks/own-postgres.ts'
import { openScene, succeeded, type Scene } from './scene.ts'

/* PgBouncer between us and the lab's server, as services have it. */

let scene: Scene
let poolers: Pooler[]
beforeEach(async () => {
  scene = await openScene()
  poolers = []
})
afterEach(async () => {
  for (const pooler of poolers) await pooler.stop()
  await scene.close()
})

interface Pooler {
  url: string
  stop(): Promise<void>
}

async function startPooler(mode: string, more: string[] = []): Promise<Pooler> {
  const { user, password, port } = scene.lab.postgres
  const folder = mkdtempSync(join(tmpdir(), 'e2e-pooler-'))
  chmodSync(folder, 0o755)
  const own = await freePort()
  writeFileSync(join(folder, 'users'), `"${user}" "${password}"\n`)
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    [
      '[databases]',
      `${scene.database} = host=127.0.0.1 port=${port}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${own}`,
      'unix_socket_dir =',
      'auth_type = plain',
      `auth_file = ${join(folder, 'users')}`,
      `pool_mode = ${mode}`,
      ...more,
    ].join('\n'),
  )
  // cspell:disable-next-line: the user of that name
  const child: ChildProcess = spawn('pgbouncer', ['-q', '-u', 'nobody', join(folder, 'pgbouncer.ini')], {
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
    stdio: 'ignore',
  })
  const pooler = {
    url: `postgres://${user}:${password}@127.0.0.1:${own}/${scene.database}`,
    async stop() {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
      rmSync(folder, { recursive: true })
    },
  }
  poolers.push(pooler)
  for (;;) {
    const client = new pg.Client({ connectionString: pooler.url })
    const isUp = await client.connect().then(
      () => true,
      () => false,
    )
    await client.end().catch(() => undefined)
    if (isUp) return pooler
    if (child.exitCode !== null) throw new Error('pgbouncer ended')
  }
}

const alive = () => ({ signal: new AbortController().signal })

test('behind a pooler that lends sessions nothing is backed up, nor set: the service sees no failure', async () => {
  await scene.sql('CREATE TABLE orders AS SELECT g AS id FROM generate_series(1, 1000) g')
  const pooler = await startPooler('transaction', ['default_pool_size = 4'])
  const service = Array.from({ length: 6 }, () => new pg.Client({ connectionString: pooler.url }))
  await Promise.all(service.map(client => client.connect()))
  const stop = new AbortController()
  let answers = 0
  const asking = service.map(async client => {
    while (!stop.signal.aborted) {
      await client.query('SELECT count(*) FROM orders')
      answers++
    }
  })
  const refused = await scene.backUp({ 'database-url': pooler.url })
  expect(refused).toMatchObject({ status: 'failure', reason: 'pooler-in-the-way' })
  expect(refused.next).toContain('database-url')
  const elsewhere = await scene.backUp({ 'verify-url': pooler.url })
  expect(elsewhere).toMatchObject({ status: 'failure', reason: 'pooler-in-the-way' })
  const restore = () =>
    scene.restore({
      'database-url': pooler.url,
      backup: 'latest',
      confirm: 'staging',
      'dry-run': 'true',
    })
  const withoutBackup = await restore()
  expect(withoutBackup).toMatchObject({ status: 'failure', reason: 'pooler-in-the-way' })
  succeeded(await scene.backUp())
  expect(await restore()).toMatchObject({ status: 'failure', reason: 'pooler-in-the-way' })
  stop.abort()
  await Promise.all(asking)
  await Promise.all(service.map(client => client.end()))
  expect(answers).toBeGreaterThan(0)
})

test.each([
  ['transaction', [], 'for-a-transaction'],
  ['transaction', ['server_round_robin = 1'], 'for-a-transaction'],
  ['transaction', ['default_pool_size = 1'], 'for-a-transaction'],
  ['statement', [], 'for-a-transaction'],
  ['session', [], 'for-a-session'],
])(
  'a pooler in mode %s with %j lends its sessions %s',
  async (mode, more, lends) => {
    const pooler = await startPooler(mode, more)
    expect(await findPooler(parsePostgresUrl('url', pooler.url, {}), alive())).toMatchObject({ lends })
  },
  60_000,
)

test('the server itself is no pooler', async () => {
  expect(await findPooler(parsePostgresUrl('url', scene.url, {}), alive())).toBeUndefined()
})

test('a pooler that gives each session a process of its own can be backed up through, and is in the way of a restore', async () => {
  await scene.sql('CREATE TABLE orders AS SELECT 1 AS id')
  const pooler = await startPooler('session')
  succeeded(await scene.backUp({ 'database-url': pooler.url }))
  const refused = await scene.restore({
    'database-url': pooler.url,
    backup: 'latest',
    confirm: 'staging',
    'dry-run': 'true',
  })
  expect(refused).toMatchObject({ status: 'failure', reason: 'pooler-in-the-way' })
})
