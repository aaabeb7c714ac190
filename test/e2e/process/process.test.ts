import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { LeaseLostError, ToolError } from '../../../shared/outcome/errors.ts'
import type { Holder } from '../../../shared/release/lease.ts'
import type { Target, EnvironmentLock } from '../../../shared/targets/target.ts'
import { bringBack, recordGood, release } from '../environment-lock.ts'
import { enterMachine, installPm2, type Machine } from './machine.ts'

let pm2Folder = ''
let machine: Machine
beforeAll(() => {
  pm2Folder = installPm2()
})
beforeEach(() => {
  machine = enterMachine(pm2Folder, 23_100)
})
afterEach(() => machine.leave())

const main = (version: string) => `
import { createServer } from 'node:http'
const { GREETING = 'none', ONLY_OLD = 'unset' } = process.env
createServer((_asked, answer) => answer.end('${version} ' + GREETING + ' ' + ONLY_OLD)).listen(23100)
console.log('this is ${version}')
`
const manifest = { 'service/package.json': '{ "type": "module" }' }
const crashing = "console.log('cannot find my hat; token ' + process.env.TOKEN)\nprocess.exit(3)\n"

const run = (name: string): Holder => ({
  run: name,
  attempt: 1,
  job: 'deploy',
  title: `run ${name}`,
  url: '',
})

async function take(target: Target, name = '1', deadlineMs = 60_000): Promise<EnvironmentLock> {
  const taken = await target.take(run(name), 'work', deadlineMs)
  if ('held' in taken) throw new Error(`held by ${taken.held.holder.title}`)
  if ('hold' in taken) throw new Error(`on hold by ${taken.hold.by}`)
  return taken
}

async function deploy(
  target: Target,
  lock: EnvironmentLock,
  version: string,
  config: Record<string, string>,
) {
  return release(target, lock, version, await target.pin({ version, image: '' }), config)
}

describe("a release under the user's pm2", () => {
  test('serves, is followed by the next one, and comes back whole: files and variables', async () => {
    machine.tag('v1.0.0', { ...manifest, 'service/main.js': main('v1.0.0') })
    machine.tag('v1.1.0', { 'service/main.js': main('v1.1.0') })
    machine.write({ 'service/main.js': 'this is not what the tags have' })
    const target = await machine.open()
    expect(await target.live()).toMatchObject({ release: null, ready: false })
    const lock = await take(target)
    const first = await deploy(target, lock, 'v1.0.0', { GREETING: 'hello', ONLY_OLD: 'yes' })
    expect(first.rollout).toEqual({ kind: 'ready' })
    expect(await machine.ask()).toBe('v1.0.0 hello yes')
    await recordGood(lock, first.id)

    const second = await deploy(target, lock, 'v1.1.0', { GREETING: 'hallo' })
    expect(second.rollout).toEqual({ kind: 'ready' })
    expect(await machine.ask()).toBe('v1.1.0 hallo unset')
    expect(await target.live()).toMatchObject({ release: 'r2', version: 'v1.1.0', ready: true })

    // What a restore removes is collected before it: each release's own part of the log.
    const [seen] = await target.evidence('r2')
    expect(seen?.detail).toContain('this is v1.1.0')
    expect(seen?.detail).not.toContain('this is v1.0.0')
    expect(await target.evidence('r1')).toEqual([])

    await bringBack(target, lock, first.id, second.id)
    expect(await machine.ask()).toBe('v1.0.0 hello yes')
    await lock.end()
    expect(await target.live()).toEqual({
      release: 'r1',
      version: 'v1.0.0',
      image: await target.pin({ version: 'v1.0.0', image: '' }),
      ready: true,
    })
    expect(await target.logs(5)).toContain('this is v1.0.0')
    expect(readdirSync(join(machine.root, 'deployment/releases/releases'))).toEqual(['r1'])
  })

  test('comes back from its tag when its folder is gone', async () => {
    machine.tag('v1.0.0', { ...manifest, 'service/main.js': main('v1.0.0') })
    machine.tag('v1.1.0', { 'service/main.js': main('v1.1.0') })
    const target = await machine.open()
    const lock = await take(target)
    const first = await deploy(target, lock, 'v1.0.0', {})
    await recordGood(lock, first.id)
    const second = await deploy(target, lock, 'v1.1.0', {})
    rmSync(join(machine.root, 'deployment/releases/releases/r1'), { recursive: true })

    await bringBack(target, lock, first.id, second.id)

    expect(await machine.ask()).toMatch(/^v1\.0\.0/)
  })

  test('is made of the working tree when its version is no tag', async () => {
    machine.write({ ...manifest, 'service/main.js': main('untagged'), 'service/node_modules/x/index.js': '' })
    const target = await machine.open()
    const lock = await take(target)
    const pinned = await target.pin({ version: 'v0.1.0', image: '' })

    const { rollout } = await deploy(target, lock, 'v0.1.0', {})

    expect(rollout).toEqual({ kind: 'ready' })
    expect(pinned).toMatch(/^content:[0-9a-f]{64}$/)
    expect(await machine.ask()).toMatch(/^untagged/)
    expect(readdirSync(join(machine.root, 'deployment/releases/releases/r1')).sort()).toEqual([
      'main.js',
      'package.json',
    ])
    machine.write({ 'service/main.js': main('changed') })
    expect(await target.pin({ version: 'v0.1.0', image: '' })).not.toBe(pinned)
  })

  test('of the whole repository is what git knows of it, without what this suite writes there', async () => {
    machine.write({
      '.gitignore': 'secret.env\nbuilt/\n',
      'package.json': '{ "type": "module" }',
      'main.js': main('whole'),
      'untracked.js': '',
      'secret.env': 'TOKEN=hunter22',
      'built/main.js': main('built'),
      'deployment/logs/deploy.log': 'first',
    })
    const target = await machine.open({ source: '.' })
    const pin = () => target.pin({ version: 'v0.1.0', image: '' })
    const pinned = await pin()
    machine.write({ 'deployment/logs/deploy.log': 'second', 'secret.env': 'TOKEN=other' })
    expect(await pin()).toBe(pinned)
    const lock = await take(target)

    const { rollout, id } = await deploy(target, lock, 'v0.1.0', {})

    expect(rollout).toEqual({ kind: 'ready' })
    expect(await pin()).toBe(pinned)
    const folder = join(machine.root, 'deployment/releases/releases', id)
    expect(readdirSync(folder).sort()).toEqual(['.gitignore', 'main.js', 'package.json', 'untracked.js'])
    const built = await machine.open({ source: '.', start: 'built/main.js' })
    const payload = await built.render({ version: 'v0.2.0', image: pinned, config: {} })
    await expect(built.rehearse(payload)).rejects.toMatchObject({
      hint: expect.stringContaining('which ignores it'),
    })
  })

  test('whose files change while it is made is told of just that; one whose folder is gone, how to have it again', async () => {
    machine.write({ ...manifest, 'service/main.js': main('first') })
    const target = await machine.open()
    const lock = await take(target)
    const pinned = await target.pin({ version: 'v0.1.0', image: '' })
    const first = await deploy(target, lock, 'v0.1.0', {})
    await recordGood(lock, first.id)
    machine.write({ 'service/main.js': main('second') })

    await expect(release(target, lock, 'v0.2.0', pinned)).rejects.toThrow(
      'a file of the working tree was changed while v0.2.0 was being deployed',
    )
    rmSync(join(machine.root, 'deployment/releases/releases', first.id), { recursive: true })
    await expect(bringBack(target, lock, first.id, 'r2')).rejects.toThrow(
      'the working tree is not the one that v0.1.0 was made of, and its folder is gone',
    )
  })

  test('that ends again and again is doomed, with the end of its log, secrets left out', async () => {
    machine.tag('v1.0.0', { ...manifest, 'service/main.js': crashing })
    machine.secrets.add('hunter22')
    const target = await machine.open()

    const { rollout } = await deploy(target, await take(target), 'v1.0.0', { TOKEN: 'hunter22' })

    if (rollout.kind !== 'doomed') throw new Error(rollout.kind)
    expect(rollout.cause.class).toBe('crash-loop')
    expect(rollout.cause.message).toContain('exit code 3')
    expect(rollout.cause.evidence[0]?.detail).toContain('cannot find my hat; token ***')
  })

  test('takes the place of an app that was started by hand, which comes back', async () => {
    machine.tag('v1.0.0', { ...manifest, 'service/main.js': main('v1.0.0') })
    machine.write({ 'by-hand/main.js': main('by-hand'), 'by-hand/package.json': '{ "type": "module" }' })
    machine.pm2('start', 'by-hand/main.js', '--name', 'probe')
    const target = await machine.open()
    const lock = await take(target)
    const found = await lock.adopt()
    if (!found) throw new Error('nothing was adopted')
    await lock.update(ledger => ({
      ...ledger,
      serving: 'r0',
      entries: [{ id: 'r0', state: 'good', by: '', run: '', runUrl: '', intendedAt: '2026-01-01', ...found }],
    }))
    await lock.store('r0', found.payload)
    const { rollout, id } = await deploy(target, lock, 'v1.0.0', {})
    expect(rollout).toEqual({ kind: 'ready' })
    expect(await machine.ask()).toMatch(/^v1\.0\.0/)

    await bringBack(target, lock, 'r0', id)

    expect(await machine.ask()).toMatch(/^by-hand/)
  })
})

test('one of two gets the lease; a former holder is stopped by the next one', async () => {
  machine.tag('v1.0.0', { ...manifest, 'service/main.js': main('v1.0.0') })
  const target = await machine.open()
  const first = await take(target, '1')
  expect(await target.take(run('2'), 'work', 60_000)).toMatchObject({ held: { holder: { run: '1' } } })
  await first.renew(-1)

  const second = await take(target, '2')

  expect(second.epoch).toBe(first.epoch + 1)
  await expect(first.renew(60_000)).rejects.toThrow(LeaseLostError)
  await expect(deploy(target, first, 'v1.0.0', {})).rejects.toThrow('run 2')
})

test('a start script that the source does not have is named before anything is touched', async () => {
  machine.tag('v1.0.0', { ...manifest, 'service/other.js': '' })
  const target = await machine.open()
  const image = await target.pin({ version: 'v1.0.0', image: '' })
  const payload = await target.render({ version: 'v1.0.0', image, config: {} })

  await expect(target.rehearse(payload)).rejects.toThrow('start: main.js is not in service at v1.0.0')
})

test('a machine without pm2 is told how to get it', async () => {
  machine.tag('v1.0.0', { ...manifest, 'service/main.js': main('v1.0.0') })
  const target = await machine.open({}, '/usr/bin:/bin')
  const image = await target.pin({ version: 'v1.0.0', image: '' })
  const payload = await target.render({ version: 'v1.0.0', image, config: {} })

  const refused = await target.rehearse(payload).catch((error: unknown) => error)

  expect(refused).toBeInstanceOf(ToolError)
  expect(refused).toMatchObject({ hint: expect.stringContaining('npm install') })
})
