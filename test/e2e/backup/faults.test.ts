import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { systemExec, type Exec } from '../../../shared/host/exec.ts'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { createBucket, deleteBucket } from '../../lab/tenancy.ts'
import { noise, openScene, succeeded, type Scene } from './scene.ts'

// One for all: what fails leaves nothing behind, which each test looks at.
let scene: Scene
beforeAll(async () => {
  scene = await openScene()
  // 20 MiB that do not compress: several parts of an upload, many writes of a pipe.
  await scene.sql(noise(2_000))
})
afterAll(() => scene.close())

/** Everything under the scene's folder, drafts and temporary servers too. */
async function folderContents(): Promise<string[]> {
  const entries = await readdir(scene.folder, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(({ name }) => name)
}

/** The real programs, but `program` is killed once it has written `bytes`. */
function killing(program: string, bytes: number): Exec {
  return {
    ...systemExec,
    start(file, args, options) {
      const child = systemExec.start(file, args, options)
      let seen = 0
      if (file.endsWith(program) || args.some(arg => arg.endsWith(program)))
        child.stdout.on('data', (chunk: Buffer) => {
          seen += chunk.length
          if (seen > bytes) child.kill('SIGKILL')
        })
      return child
    },
  }
}

/** The real programs, but what the stored dump is when it is read back, `spoil` decides before. */
function spoiling(change: (bytes: Buffer) => Uint8Array): Exec {
  const store = join(scene.folder, 'store')
  const stored = () =>
    existsSync(store)
      ? readdirSync(store, { recursive: true, encoding: 'utf8' }).find(each => each.endsWith('.dump.zst'))
      : undefined
  let isSpoilt = false
  return {
    ...systemExec,
    start(file, args, options) {
      // The first program that is started once the dump is stored serves its verification.
      const name = isSpoilt ? undefined : stored()
      if (name !== undefined) {
        isSpoilt = true
        writeFileSync(join(store, name), change(readFileSync(join(store, name))))
      }
      return systemExec.start(file, args, options)
    },
  }
}

function failed(outcome: Outcome, reason: string): void {
  expect(outcome).toMatchObject({ status: 'failure', reason, outputs: {} })
  expect(outcome.next).not.toBe('')
  expect(JSON.stringify(outcome)).not.toContain(scene.lab.postgres.password)
}

describe.each(['file', 's3'])('into a %s store', kind => {
  const destination = () => (kind === 'file' ? `file://${scene.folder}/store` : `s3://${scene.bucket}`)
  const wipe = async () => {
    if (kind === 'file') return rm(join(scene.folder, 'store'), { recursive: true })
    await deleteBucket(scene.lab, scene.bucket)
    await createBucket(scene.lab, scene.bucket)
  }
  const left = () => (kind === 'file' ? folderContents() : scene.bucketContents())

  test('a pg_dump that is killed mid-way leaves nothing', async () => {
    const outcome = await scene.backUp(
      { destination: destination() },
      { exec: killing('/pg_dump', 9 * 2 ** 20) },
    )
    failed(outcome, 'backup-failed')
    expect(outcome.summary).toContain('pg_dump')
    expect(outcome.summary).toContain('killed by SIGKILL')
    expect(await left()).toEqual([])
  })

  test('a run that is cancelled mid-way leaves nothing', async () => {
    const cancel = new AbortController()
    const exec: Exec = {
      ...systemExec,
      start(file, args, options) {
        const child = systemExec.start(file, args, options)
        let seen = 0
        child.stdout.on('data', (chunk: Buffer) => {
          seen += chunk.length
          if (seen > 9 * 2 ** 20) cancel.abort(new Error('cancelled'))
        })
        return child
      },
    }
    const outcome = await scene.backUp({ destination: destination() }, { exec, signal: cancel.signal })
    failed(outcome, 'cancelled')
    expect(await left()).toEqual([])
  })

  test('two runs of the same second do not spoil each other', async () => {
    const now = Date.parse('2026-01-01T02:00:00Z')
    const clock = { ...systemClock, now: () => now }
    const outcomes = await Promise.all(
      [1, 2].map(() => scene.backUp({ destination: destination() }, { clock })),
    )
    const uris = outcomes
      .filter(({ status }) => status === 'success')
      .map(({ outputs }) => outputs['backup-uri'])
    expect(uris.length).toBeGreaterThanOrEqual(1)
    expect(new Set(uris).size).toBe(uris.length)
    const objects = (await left()).filter(name => name.endsWith('.dump.zst') || name.endsWith('.json'))
    expect(objects).toHaveLength(2 * uris.length)
    succeeded(await scene.restore({ into: `${scene.database}-${kind}`, backup: uris[0] ?? '' }))
    await wipe()
  })

  test('a run that is cancelled while it verifies leaves nothing', async () => {
    const cancel = new AbortController()
    const exec: Exec = {
      ...systemExec,
      start(file, args, options) {
        if (file.endsWith('/pg_restore')) setImmediate(() => cancel.abort(new Error('cancelled')))
        return systemExec.start(file, args, options)
      },
    }
    const outcome = await scene.backUp({ destination: destination() }, { exec, signal: cancel.signal })
    failed(outcome, 'cancelled')
    expect(await left()).toEqual([])
  })
})

test.each([
  ['truncated', (bytes: Buffer) => bytes.subarray(0, bytes.length - 1)],
  ['cut in half', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
  ['empty', () => Buffer.alloc(0)],
  [
    'with one bit flipped',
    (bytes: Buffer) => bytes.map((byte, at) => (at === bytes.length >> 1 ? byte ^ 4 : byte)),
  ],
  [
    'with a bit flipped at its end',
    (bytes: Buffer) => bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte)),
  ],
])(
  'a stored dump that is %s is found out, and not kept',
  async (_how, change) => {
    const outcome = await scene.backUp({}, { exec: spoiling(change) })
    failed(outcome, 'backup-unverified')
    expect(outcome.summary).toContain('damaged')
    expect(await folderContents()).toEqual([])
  },
  30_000,
)

test('verify: list finds a damaged dump out as well', async () => {
  const outcome = await scene.backUp(
    { verify: 'list' },
    {
      exec: {
        ...systemExec,
        start(file, args, options) {
          const child = systemExec.start(file, args, options)
          // The dump that reaches the store is not what pg_dump wrote: its table of contents is broken.
          if (args.some(arg => arg.endsWith('/pg_dump')))
            child.stdout.once('data', (chunk: Buffer) => chunk.fill(0, 0, 5))
          return child
        },
      },
    },
  )
  failed(outcome, 'backup-unverified')
  expect(outcome.summary).toContain('pg_restore')
  expect(await folderContents()).toEqual([])
})

test('a wrong password is said as such, and is not shown', async () => {
  const url = new URL(scene.url)
  url.password = 'wrong-password-1'
  const outcome = await scene.backUp({ 'database-url': url.href })
  failed(outcome, 'backup-failed')
  expect(outcome.summary).toContain('password authentication failed')
  expect(JSON.stringify(outcome)).not.toContain('wrong-password-1')
})

test.each([
  ['a database that does not exist', { path: '/no-such-database' }, 'does not exist'],
  ['a port where nothing listens', { port: '1' }, 'ECONNREFUSED'],
])('%s is said as such', async (_what, { path, port }: { path?: string; port?: string }, words) => {
  const url = new URL(scene.url)
  if (path) url.pathname = path
  if (port) url.port = port
  const outcome = await scene.backUp({ 'database-url': url.href })
  failed(outcome, 'backup-failed')
  expect(outcome.summary).toContain(words)
})

test('a bucket that does not exist, and a wrong key, are said before anything is dumped', async () => {
  const missing = await scene.backUp({ destination: 's3://no-such-bucket-here/x' })
  failed(missing, 'backup-failed')
  expect(missing.summary).toContain('NoSuchBucket')
  const env = {
    PATH: process.env['PATH'],
    AWS_ENDPOINT_URL: scene.lab.s3.endpoint,
    AWS_ACCESS_KEY_ID: scene.lab.s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: 'not-the-secret-key',
  }
  const wrong = await scene.backUp({ destination: `s3://${scene.bucket}` }, { env })
  failed(wrong, 'backup-failed')
  expect(wrong.summary).toContain('SignatureDoesNotMatch')
  expect(await scene.bucketContents()).toEqual([])
})

test('a table that the user may not read is no reason to leave it out', async () => {
  const [role, password] = [`reader_${scene.database.slice(-8)}`, 'reader-password']
  await scene.sql(`CREATE ROLE "${role}" LOGIN PASSWORD '${password}'`)
  try {
    const url = new URL(scene.url)
    url.username = role
    url.password = password
    failed(await scene.backUp({ 'database-url': url.href }), 'backup-failed')
    expect(await folderContents()).toEqual([])
  } finally {
    await scene.sql(`DROP ROLE "${role}"`)
  }
})

test('rows that a policy hides from the user are no reason to leave them out', async () => {
  const [role, password] = [`tenant_${scene.database.slice(-8)}`, 'tenant-password']
  await scene.sql(
    `CREATE ROLE "${role}" LOGIN PASSWORD '${password}'; GRANT SELECT ON noise TO "${role}"; ALTER TABLE noise ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON noise USING (i < 10)`,
  )
  try {
    const url = new URL(scene.url)
    url.username = role
    url.password = password
    const outcome = await scene.backUp({ 'database-url': url.href })
    failed(outcome, 'backup-failed')
    expect(await folderContents()).toEqual([])
  } finally {
    await scene.sql(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`)
  }
})
