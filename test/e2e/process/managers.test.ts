import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { existsSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Holder } from '../../../shared/release/lease.ts'
import type { ProcessSpec } from '../../../shared/config/schema/schema.ts'
import type { Target, EnvironmentLock } from '../../../shared/targets/target.ts'
import { bringBack, recordGood, release } from '../environment-lock.ts'
import { enterMachine, installPm2, type Machine } from './machine.ts'
import { installManager, type Manager } from './managers.ts'

// Releases of workspaces, each installed by the real program of its lock file.

const port = 23_160
let pm2Folder = ''
let machine: Machine
beforeAll(() => {
  pm2Folder = installPm2()
})
beforeEach(() => {
  machine = enterMachine(pm2Folder, port)
})
afterEach(() => machine.leave())

const holder: Holder = { run: '1', attempt: 1, job: 'deploy', title: 'run 1', url: '' }

async function take(target: Target): Promise<EnvironmentLock> {
  const taken = await target.take(holder, 'work', 60_000)
  if ('held' in taken || 'hold' in taken) throw new Error('the environment is not free')
  return taken
}

const greeting = (word: string) => `module.exports = name => \`${word} \${name}\`\n`
const server = `
const greet = require('@shop/greeting')
require('node:http').createServer((_asked, answer) => answer.end(greet('shop'))).listen(${port})
`
/** A workspace of two packages, in which each manager writes the dependency between them in its own way. */
const workspace = (spec: string): Record<string, string> => ({
  '.gitignore': 'node_modules\n.pnp.*\n.yarn\n',
  'package.json': '{ "name": "shop", "version": "1.0.0", "private": true, "workspaces": ["packages/*"] }',
  'packages/greeting/package.json': '{ "name": "@shop/greeting", "version": "1.0.0", "main": "index.js" }',
  'packages/greeting/index.js': greeting('hello'),
  'packages/orders/package.json': `{ "name": "@shop/orders", "version": "1.0.0", "dependencies": { "@shop/greeting": "${spec}" } }`,
  'packages/orders/server.js': server,
})

const spec: Partial<ProcessSpec> = { source: 'packages/orders', start: 'server.js' }

const managers: [Manager | 'npm', lockFile: string, spec: string, more: Record<string, string>][] = [
  ['npm', 'package-lock.json', '1.0.0', {}],
  ['yarn-classic', 'yarn.lock', '1.0.0', {}],
  ['yarn-berry', 'yarn.lock', 'workspace:^', { '.yarnrc.yml': 'enableTelemetry: false\n', 'yarn.lock': '' }],
  ['pnpm', 'pnpm-lock.yaml', 'workspace:*', { 'pnpm-workspace.yaml': 'packages: ["packages/*"]\n' }],
  ['bun', 'bun.lock', 'workspace:*', {}],
]

describe('a package of a workspace is released whole and comes back whole', () => {
  test.each(managers)('%s, by its %s', async (manager, lockFile, dependency, more) => {
    const folder = manager === 'npm' ? undefined : installManager(manager)
    const path = folder === undefined ? machine.env['PATH'] : `${folder}:${machine.env['PATH'] ?? ''}`
    const program = manager.replace(/-.*/, '')
    machine.write({ ...workspace(dependency), ...more })
    execFileSync(program, ['install'], {
      cwd: machine.root,
      env: {
        ...machine.env,
        PATH: path,
        YARN_NODE_LINKER: 'node-modules',
        YARN_ENABLE_IMMUTABLE_INSTALLS: '0',
      },
      stdio: 'pipe',
    })
    expect(existsSync(join(machine.root, lockFile))).toBe(true)
    machine.tag('v1.0.0', {})
    machine.tag('v1.1.0', { 'packages/greeting/index.js': greeting('HALLO') })
    const target = await machine.open(spec, path)
    const lock = await take(target)
    const deploy = async (version: string) =>
      release(target, lock, version, await target.pin({ version, image: '' }), {})

    const first = await deploy('v1.0.0')
    expect(first.rollout).toEqual({ kind: 'ready' })
    await recordGood(lock, first.id)
    const second = await deploy('v1.1.0')
    expect(second.rollout).toEqual({ kind: 'ready' })
    expect(await machine.ask()).toBe('HALLO shop')
    // Whatever becomes of the working tree, a release runs with what it was made of.
    rmSync(join(machine.root, 'node_modules'), { recursive: true, force: true })
    await bringBack(target, lock, first.id, second.id)

    expect(await machine.ask()).toBe('hello shop')
    const folderOfRelease = join(machine.root, 'deployment/releases/releases', first.id)
    expect(realpathSync(join(folderOfRelease, 'packages/greeting/index.js'))).toContain(first.id)
  })
})

describe('is refused before pm2 is touched', () => {
  const refuse = async (files: Record<string, string>, path?: string) => {
    machine.tag('v1.0.0', files)
    const target = await machine.open(spec, path)
    const image = await target.pin({ version: 'v1.0.0', image: '' })
    const planned = async () => target.rehearse(await target.render({ version: 'v1.0.0', image, config: {} }))
    return planned().catch((error: unknown) => error)
  }

  test('without a lock file', async () => {
    expect(await refuse(workspace('1.0.0'))).toMatchObject({
      name: 'InputError',
      message: expect.stringContaining('packages/orders/package.json has dependencies (@shop/greeting)'),
      hint: expect.stringContaining('npm install --package-lock-only'),
    })
  })

  test('with one whose program is not here', async () => {
    const files = { ...workspace('1.0.0'), 'yarn.lock': '# yarn lockfile v1\n' }
    expect(await refuse(files, `${pm2Folder}:/usr/bin:/bin`)).toMatchObject({
      name: 'InputError',
      message: expect.stringContaining('source: yarn.lock needs yarn, which is not on PATH'),
      hint: expect.stringContaining('npm install --global yarn@1'),
    })
  })

  test('with one of another generation of yarn', async () => {
    const files = { ...workspace('1.0.0'), 'yarn.lock': '# yarn lockfile v1\n' }
    const path = `${installManager('yarn-berry')}:${machine.env['PATH'] ?? ''}`
    expect(await refuse(files, path)).toMatchObject({
      message: expect.stringMatching(/yarn\.lock is of yarn 1, and this machine has yarn 4/),
    })
  })
})

test('a release that would borrow a package from the working tree is not made', async () => {
  machine.write({ 'node_modules/words/index.js': 'module.exports = () => "borrowed"\n' })
  machine.tag('v1.0.0', {
    '.gitignore': 'node_modules\n',
    'package.json': '{ "type": "commonjs" }',
    'main.js': `const words = require('words')\nrequire('node:http').createServer((_asked, answer) => answer.end(words())).listen(${port})\n`,
  })
  const target = await machine.open({ source: '.' })
  const lock = await take(target)
  await expect(
    release(target, lock, 'v1.0.0', await target.pin({ version: 'v1.0.0', image: '' }), {}),
  ).rejects.toMatchObject({
    reason: 'release-not-made',
    message: expect.stringContaining('v1.0.0 needs words (main.js)'),
  })
  expect(machine.pm2('jlist')).toContain('[]')
})
