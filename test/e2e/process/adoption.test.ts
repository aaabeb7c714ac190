import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { join } from 'node:path'
import type { Holder } from '../../../shared/release/lease.ts'
import type { Target, EnvironmentLock } from '../../../shared/targets/target.ts'
import { bringBack, follow, release } from '../environment-lock.ts'
import { enterMachine, installPm2, type Machine } from './machine.ts'

// What pm2 ran before the first release comes back as it was, whatever it was started with.

const port = 23_180
let pm2Folder = ''
let machine: Machine
beforeAll(() => {
  pm2Folder = installPm2()
})
beforeEach(() => {
  machine = enterMachine(pm2Folder, port)
  machine.write({
    'by-hand/server.js': server('by-hand'),
    'by-hand/worker.js': 'setInterval(() => {}, 1e6)\n',
  })
  machine.tag('v1.0.0', { 'service/main.js': server('v1.0.0') })
})
afterEach(() => machine.leave())

const server = (text: string) => `
require('node:http')
  .createServer((_asked, answer) => answer.end(['${text}', process.env.GREETING, ...process.argv.slice(2), ...process.execArgv].join(' ')))
  .listen(${port}, () => process.send?.('ready'))
`

const holder: Holder = { run: '1', attempt: 1, job: 'deploy', title: 'run 1', url: '' }

async function takeOver(target: Target): Promise<EnvironmentLock> {
  const taken = await target.take(holder, 'work', 60_000)
  if ('held' in taken || 'hold' in taken) throw new Error('the environment is not free')
  const found = await taken.adopt()
  if (!found) throw new Error('nothing was adopted')
  await taken.update(ledger => ({
    ...ledger,
    serving: 'r0',
    entries: [{ id: 'r0', state: 'good', by: '', run: '', runUrl: '', intendedAt: '2026-01-01', ...found }],
  }))
  await taken.store('r0', found.payload)
  return taken
}

interface Listed {
  name: string
  pid: number
  pm2_env: Record<string, unknown> & { env: Record<string, string> }
}
const list = (name: string): Listed[] =>
  (JSON.parse(machine.pm2('jlist')) as Listed[]).filter(each => each.name === name)

/** All that pm2 keeps of an app but what belongs to one run of it. */
const ofOneRun =
  /^(axm_|pm_id|pm_uptime|created_at|restart_time|unstable_restarts|unique_id|status|_pm2|node_version|version|vizion|km_link|exit_code|prev_restart_delay|probe$|PM2_|INSTANCE$|env$|instances$|interpreter$|script$|cwd$|username$)/
/** pm2 puts its own number of an instance into the names of files, and never gives a number twice. */
function withoutNumber(key: string, value: unknown): unknown {
  return /^pm_.*_path$/.test(key) ? String(value).replace(/-\d+(\.\w+)$/, '-N$1') : value
}
function settings(name: string) {
  return list(name).map(({ pm2_env: app }) => ({
    settings: Object.fromEntries(
      Object.entries(app)
        .filter(([key]) => !ofOneRun.test(key))
        .map(([key, value]) => [key, withoutNumber(key, value)]),
    ),
    instance: app['INSTANCE'] ?? app['NODE_APP_INSTANCE'],
    env: Object.fromEntries(Object.entries(app.env).filter(([key]) => !/^(PM2_|unique_id|probe$)/.test(key))),
  }))
}

function start(app: Record<string, unknown>): void {
  machine.write({
    'by-hand/ecosystem.config.json': JSON.stringify({
      apps: [
        { name: 'probe', script: 'server.js', cwd: join(machine.root, 'by-hand'), ...app },
        { name: 'worker', script: 'worker.js', cwd: join(machine.root, 'by-hand') },
      ],
    }),
  })
  machine.pm2('start', 'by-hand/ecosystem.config.json')
}

const cluster = {
  exec_mode: 'cluster',
  instances: 2,
  max_memory_restart: '300M',
  cron_restart: '0 3 * * *',
  node_args: '--max-old-space-size=200',
  args: ['--shop', 'two words'],
  kill_timeout: 4000,
  wait_ready: true,
  listen_timeout: 5000,
  restart_delay: 100,
  max_restarts: 7,
  min_uptime: 1500,
  stop_exit_codes: [3],
  shutdown_with_message: true,
  instance_var: 'INSTANCE',
  merge_logs: true,
  log_date_format: 'YYYY-MM-DD',
  env: { GREETING: 'hello there' },
  env_production: { GREETING: 'other' },
}

describe('an app that was started by hand comes back as it was', () => {
  test.each([
    ['in cluster mode, with every setting', cluster],
    [
      'with logs of its own for each instance',
      { exec_mode: 'cluster', instances: 2, out_file: 'out.log', error_file: 'err.log' },
    ],
    [
      'watched, in a namespace, with an interpreter',
      {
        interpreter: process.execPath,
        watch: ['watched'],
        ignore_watch: ['x'],
        namespace: 'shop',
        autorestart: false,
      },
    ],
  ])('%s', async (_name, app) => {
    start(app)
    const before = settings('probe')
    const answer = await machine.ask()
    const worker = list('worker')[0]?.pid
    const target = await machine.open()
    const lock = await takeOver(target)
    const { rollout, id } = await release(
      target,
      lock,
      'v1.0.0',
      await target.pin({ version: 'v1.0.0', image: '' }),
    )
    expect(rollout).toEqual({ kind: 'ready' })
    expect(await machine.ask()).toMatch(/^v1\.0\.0/)

    await bringBack(target, lock, 'r0', id)

    expect(await machine.ask()).toBe(answer)
    expect(settings('probe')).toEqual(before)
    expect(list('worker')[0]?.pid).toBe(worker)
    expect(await target.vitals()).toHaveLength(before.length)
  })
})

test('an app that is still as it was recorded is not started again by a restore', async () => {
  start({})
  const pid = list('probe')[0]?.pid
  const target = await machine.open()
  const lock = await takeOver(target)
  const payload = await target.recall('r0')
  if (!payload) throw new Error('r0 is not recorded')

  expect(await lock.restore('r0', payload, undefined)).toMatchObject([{ action: 'none' }])

  expect(list('probe')[0]?.pid).toBe(pid)
  machine.pm2('stop', 'probe')
  expect(await lock.restore('r0', payload, undefined)).not.toMatchObject([{ action: 'none' }])
  expect((await follow(lock, 'r0', payload)).rollout).toEqual({ kind: 'ready' })
  expect(await machine.ask()).toMatch(/^by-hand/)
})

test('what the release does not take over stands in its plan', async () => {
  start(cluster)
  const target = await machine.open()
  const image = await target.pin({ version: 'v1.0.0', image: '' })
  const [planned] = await target.rehearse(await target.render({ version: 'v1.0.0', image, config: {} }))
  for (const setting of [
    'exec_mode "cluster"',
    'instances 2',
    'cron_restart',
    'kill_timeout 4000',
    'max_memory_restart',
  ])
    expect(planned?.diff).toContain(`- ${setting}`)
  expect(planned?.diff).not.toContain('two words')
})

test('two apps of one name are refused before anything is touched', async () => {
  start({})
  machine.pm2('start', 'by-hand/worker.js', '--name', 'probe', '--force')
  const target = await machine.open()
  const image = await target.pin({ version: 'v1.0.0', image: '' })
  const payload = await target.render({ version: 'v1.0.0', image, config: {} })
  await expect(target.rehearse(payload)).rejects.toMatchObject({
    name: 'InputError',
    message: expect.stringContaining('processes of one name with different pm_exec_path'),
  })
})
