import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { openFileStore } from '../../../shared/backup/storage/file-store.ts'
import { newestBackup } from '../../../shared/backup/storage/catalog.ts'
import { readingAt } from '../../backup-store.ts'
import { openScene, succeeded, type Scene } from './scene.ts'

let scene: Scene
/** For the servers of this file alone: other backups may be verified beside it. PostgreSQL's own user may enter. */
let temporary: string
beforeEach(async () => {
  scene = await openScene()
  temporary = await mkdtemp(join(tmpdir(), 'killed-'))
  await chmod(temporary, 0o755)
  await scene.sql(
    `CREATE TABLE t AS SELECT i, repeat(md5(i::text), 8) AS text FROM generate_series(1, 100000) i; CREATE INDEX ON t (text)`,
  )
})
afterEach(async () => {
  await scene.close()
  await rm(temporary, { recursive: true })
})

/** Runs a step in a process of its own, and kills it when it has said `word` and `delayMs` more are over. */
async function killAt(
  step: string,
  inputs: Record<string, string>,
  word: string,
  until: () => Promise<boolean>,
): Promise<string[]> {
  const { environment, url } = scene
  const json = JSON.stringify({
    environment,
    inputs: { environment: environment.name, 'database-url': url, ...inputs },
  })
  const child = spawn(process.execPath, [join(import.meta.dirname, 'run-step.ts'), step, json], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], TMPDIR: temporary },
  })
  const exited = once(child, 'exit')
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    if (!line.includes(word)) continue
    while (!(await until()) && child.exitCode === null) await new Promise(setImmediate)
    child.kill('SIGKILL')
  }
  await exited
  return lines
}

/** Programs of this machine whose command line has `text`. */
async function running(text: string): Promise<string[]> {
  const found: string[] = []
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (line.includes(text)) found.push(line.replaceAll('\0', ' '))
  }
  return found
}

async function eventually(what: () => Promise<boolean>): Promise<void> {
  for (const giveUp = Date.now() + 60_000; Date.now() < giveUp;) if (await what()) return
  throw new Error('it did not happen within a minute')
}

test('a backup that is killed while it verifies is none, its server ends, and the next one is well', async () => {
  const own = join(temporary, 'runbook-verify-')
  let restoring = false
  await killAt('backup-db', {}, 'Stored ', async () => {
    restoring = (await running('--dbname=')).length > 0 && (await running(own)).length > 0
    return restoring
  })
  expect(restoring).toBe(true)
  await eventually(async () => (await running(own)).length === 0)
  const store = openFileStore(join(scene.folder, 'store'))
  const owner = { service: scene.environment.service, environment: scene.environment.name }
  expect(await newestBackup(store, owner, readingAt(Date.now()))).toBeUndefined()
  succeeded(await scene.backUp())
  expect(await newestBackup(store, owner, readingAt(Date.now()))).toBeDefined()
})

test.each([0, 2, 5, 10, 20, 50])(
  'a restore that is killed %s ms into its end leaves a whole database of the live name',
  async delay => {
    succeeded(await scene.backUp({ verify: 'none' }))
    const [backup] = (await readdir(join(scene.folder, 'store'), { recursive: true })).filter(name =>
      name.endsWith('.dump.zst'),
    )
    await scene.sql('CREATE TABLE since AS SELECT 1 AS a')
    const at = () => performance.now()
    let start = 0
    await killAt(
      'restore-db',
      { confirm: scene.environment.name, backup: `store/${backup ?? ''}` },
      'rows were restored',
      () => {
        start ||= at()
        return Promise.resolve(at() - start >= delay)
      },
    )
    const [row] = await scene.sql<{ rows: number; since: boolean }>(
      "SELECT count(*)::int AS rows, to_regclass('since') IS NOT NULL AS since FROM t",
    )
    // Either the live one with what was written since, or the restored one with the live one kept beside it.
    expect(row?.rows).toBe(100_000)
    const kept = (await scene.databases()).filter(name => name.includes('_before_'))
    expect(kept).toHaveLength(row?.since === true ? 0 : 1)
  },
  60_000,
)
