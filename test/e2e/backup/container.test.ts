import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemExec, type Exec } from '../../../shared/host/exec.ts'
import { everyType } from './every-type.ts'
import { makePostgresImage, removeImage } from './postgres-image.ts'
import { openScene, succeeded, type Scene } from './scene.ts'

/* A machine without PostgreSQL's programs, and with a Docker engine: as a hosted runner is to a newer server. */

let scene: Scene
let image: string
beforeAll(async () => {
  scene = await openScene()
  image = `${scene.database}/postgres:15`
  makePostgresImage(image, scene.lab.postgres.binDir, ['sh', 'rm', 'cat'])
  scene.environment.backup = { ...backup(), postgresImage: image }
})
afterAll(async () => {
  removeImage(image)
  await scene.close()
})

const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' })
const backup = () => {
  if (!scene.environment.backup) throw new Error('the scene has a store')
  return scene.environment.backup
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
  const servers = started.filter(command => command.includes('initdb'))
  expect(servers).toHaveLength(1)
  for (const flag of ['--network=none', '--cap-drop=ALL', '--security-opt=no-new-privileges'])
    expect(servers[0]).toContain(` ${flag} `)
  expect(servers[0]).not.toContain('--env')
  expect(docker('ps', '--all', '--filter', `ancestor=${image}`, '--quiet')).toBe('')
})

test('an image that cannot be had is said before anything is dumped, with what to install', async () => {
  scene.environment.backup = { ...backup(), postgresImage: 'localhost:5000/no-such/postgres:15' }
  const outcome = await scene.backUp({}, { exec: bare([]) })
  expect(outcome).toMatchObject({ status: 'failure', reason: 'backup-failed', outputs: {} })
  expect(outcome.summary).toContain('localhost:5000/no-such/postgres:15')
  expect(outcome.next).toContain("Install PostgreSQL's programs")
})

test('without Docker, what to install is said', async () => {
  const env = { PATH: '/nowhere', HOME: scene.folder }
  const outcome = await scene.backUp({}, { exec: bare([]), env })
  expect(outcome.summary).toContain('pg_dump and pg_restore 15 or newer are needed')
  expect(outcome.next).toContain('postgresql-client-15')
})
