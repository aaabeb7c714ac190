import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tools } from '../../../shared/checks/environment/tools.ts'
import { contextOf } from './context.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tools-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function program(name: string, says: string, code = 0): void {
  writeFileSync(join(folder, name), `#!/bin/sh\necho '${says}'\nexit ${code}\n`, { mode: 0o755 })
}

function check() {
  for (const name of ['git', 'curl', 'npm']) program(name, `${name} 10.1.2`)
  const target = { kind: 'docker' as const, container: 'api', ports: ['1:1'] }
  return tools.run(contextOf({ target, backup: undefined }, { env: { PATH: folder } }))
}

test('passes with the versions that it found', async () => {
  program('node', 'v24.1.0')
  program('docker', 'Docker version 20.10.24+dfsg1, build 297e128')
  expect(await check()).toMatchObject({
    result: 'pass',
    finding: 'node 24.1.0, npm 10.1.2, git 10.1.2, curl 10.1.2, docker 20.10.24, docker compose 20.10.24',
  })
})

test('warns of what is missing, too old, or does not run', async () => {
  program('node', 'v16.20.0')
  expect(await check()).toMatchObject({
    result: 'warn',
    finding: expect.stringContaining('node 16.20.0'),
    remedy: 'Install node 18.0.0 or newer, docker, docker compose.',
  })
  program('docker', 'cannot run', 1)
  expect(await check()).toMatchObject({ finding: expect.stringContaining('docker missing') })
  program('docker-compose', 'docker-compose version 1.29.2, build unknown')
  expect(await check()).toMatchObject({
    finding: expect.stringContaining('docker compose 1.29.2'),
    remedy: 'Install node 18.0.0 or newer, docker.',
  })
})

describe('pm2', () => {
  const target = {
    kind: 'process' as const,
    app: 'api',
    directory: 'releases',
    source: 'service',
    start: 'main.js',
  }
  const look = () =>
    tools.run(contextOf({ root: folder, target, backup: undefined }, { env: { PATH: folder } }))

  test('is looked for where the target looks for it, and is not run: that would start its daemon', async () => {
    for (const name of ['git', 'curl', 'npm', 'node']) program(name, `${name} 24.1.2`)
    expect(await look()).toMatchObject({ result: 'warn', remedy: 'Install pm2.' })
    const pm2 = join(folder, 'service/node_modules/pm2')
    mkdirSync(join(pm2, 'bin'), { recursive: true })
    mkdirSync(join(pm2, '../.bin'))
    writeFileSync(join(pm2, 'package.json'), '{ "name": "pm2", "version": "7.0.4" }')
    writeFileSync(join(pm2, 'bin/pm2'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    symlinkSync('../pm2/bin/pm2', join(pm2, '../.bin/pm2'))
    expect(await look()).toMatchObject({ result: 'pass', finding: expect.stringContaining('pm2 7.0.4') })
  })

  test('on PATH, by a script of another kind, is there and of an unknown version', async () => {
    for (const name of ['git', 'curl', 'npm', 'node', 'pm2']) program(name, `${name} 24.1.2`)
    expect(await look()).toMatchObject({
      result: 'pass',
      finding: expect.stringContaining('pm2 of an unknown'),
    })
  })
})
