import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemExec, type Exec } from '../../../shared/platform/exec.ts'
import { everyType } from './every-type.ts'
import { openScene, succeeded, type Scene } from './scene.ts'

/* A machine without PostgreSQL's programs, and with a Docker engine: as a hosted runner is to a newer server. */

let scene: Scene
let image: string
beforeAll(async () => {
  scene = await openScene()
  image = `${scene.database}/postgres:15`
  makeImage(image)
  scene.environment.backup = { ...backup(), postgresImage: image }
}, 60_000)
afterAll(async () => {
  docker('rmi', '--force', image)
  await scene.close()
})

const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' })
const backup = () => {
  if (!scene.environment.backup) throw new Error('the scene has a store')
  return scene.environment.backup
}

/** The programs of this machine with what they need, as an image of `postgres` lays them out. */
function makeImage(name: string): void {
  const root = mkdtempSync(join(tmpdir(), 'postgres-image-'))
  const { binDir } = scene.lab.postgres
  const programs = ['initdb', 'postgres', 'pg_dump', 'pg_restore'].map(each => join(binDir, each))
  const libraries = execFileSync('ldd', programs, { encoding: 'utf8' }).match(/\/\S+\.so[.\d]*/g) ?? []
  const share = '/usr/share/postgresql/15'
  const needed = [...programs, ...new Set(libraries), join(dirname(binDir), 'lib'), share, '/bin/busybox']
  for (const path of [...needed, '/usr/share/zoneinfo/Etc', '/usr/share/zoneinfo/UTC']) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    execFileSync('cp', ['-rL', path, join(root, path)])
  }
  for (const applet of ['sh', 'mktemp', 'cat']) symlinkSync('busybox', join(root, 'bin', applet))
  for (const folder of ['etc', 'tmp']) mkdirSync(join(root, folder), { recursive: true })
  execFileSync('chmod', ['1777', join(root, 'tmp')])
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\npostgres:x:999:999::/tmp:/bin/sh\n')
  const archive = `${root}.tar`
  execFileSync('tar', ['--numeric-owner', '--owner=0', '--group=0', '-cf', archive, '-C', root, '.'])
  docker('import', '--change', `ENV PATH=${binDir}:/bin`, archive, name)
  rmSync(root, { recursive: true })
  rmSync(archive)
}

/** This machine's programs, but none of PostgreSQL's; what is started is kept, with its arguments. */
function bare(started: string[]): Exec {
  return {
    start(file, args, options) {
      started.push([file, ...args].join(' '))
      return systemExec.start(file, args, options)
    },
    run: (file, args, options) =>
      file.startsWith('/usr/') && file.endsWith('/pg_dump')
        ? Promise.resolve({ code: 127, stdout: '', stderr: '' })
        : systemExec.run(file, args, options),
  }
}

test('dump, restore and the server to verify on run in containers, which are gone afterwards', async () => {
  await scene.sql(everyType)
  const started: string[] = []
  const outcome = succeeded(await scene.backUp({}, { exec: bare(started) }))
  expect(outcome.outputs).toMatchObject({ tables: '8', verified: 'true' })
  expect(JSON.stringify(outcome.evidence)).toContain(`(${image})`)
  const restored = succeeded(await scene.restore({ into: `${scene.database}-new` }, { exec: bare(started) }))
  expect(Number(restored.outputs['rows'])).toBeGreaterThan(1_000)
  expect(started).toHaveLength(6)
  for (const command of started) {
    expect(command).toMatch(/^docker run --rm /)
    expect(command).not.toContain(scene.lab.postgres.password)
  }
  expect(docker('ps', '--all', '--filter', `ancestor=${image}`, '--quiet')).toBe('')
}, 90_000)

test('an image that cannot be had is said before anything is dumped, with what to install', async () => {
  scene.environment.backup = { ...backup(), postgresImage: 'localhost:5000/no-such/postgres:15' }
  const outcome = await scene.backUp({}, { exec: bare([]) })
  expect(outcome).toMatchObject({ status: 'failure', reason: 'backup-failed', outputs: {} })
  expect(outcome.summary).toContain('localhost:5000/no-such/postgres:15')
  expect(outcome.next).toContain("Install PostgreSQL's programs")
}, 30_000)

test('without Docker, what to install is said', async () => {
  const env = { PATH: '/nowhere', HOME: scene.folder }
  const outcome = await scene.backUp({}, { exec: bare([]), env })
  expect(outcome.summary).toContain('pg_dump and pg_restore 15 or newer are needed')
  expect(outcome.next).toContain('postgresql-client-15')
})
