import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { systemClock as clock } from '../../../shared/host/clock.ts'
import {
  daemonRuns,
  ensureDaemon,
  pm2Home,
  startMs,
  type Home,
} from '../../../shared/targets/process/daemon.ts'

let folder = ''
let home: Home
let daemon: Server | undefined
let starts = 0
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rb-home-'))
  home = { folder, clock, signal: new AbortController().signal }
  ;[daemon, starts] = [undefined, 0]
})
afterEach(() => {
  daemon?.close()
  rmSync(folder, { recursive: true })
})

const lock = () => join(folder, 'runbook-start.lock')
const start = async () => {
  starts += 1
  daemon = createServer(socket => socket.end())
  await once(daemon.listen(join(folder, 'rpc.sock')), 'listening')
}

test('of all who want a daemon at once, one starts it; nothing stays of that', async () => {
  await Promise.all([1, 2, 3, 4, 5].map(() => ensureDaemon(home, start)))
  expect(starts).toBe(1)
  expect(existsSync(lock())).toBe(false)
  await ensureDaemon(home, start)
  expect(starts).toBe(1)
})

test('a start that fails is tried by the next one', async () => {
  const broken = ensureDaemon(home, () => Promise.reject(new Error('no memory')))
  const [first] = await Promise.allSettled([broken, ensureDaemon(home, start)])
  expect(first).toMatchObject({ status: 'rejected' })
  expect(await daemonRuns(home)).toBe(true)
})

test('a start that was cut off keeps no other away for ever', async () => {
  writeFileSync(lock(), '4711')
  const old = (Date.now() - startMs - 10_000) / 1_000
  utimesSync(lock(), old, old)
  await ensureDaemon(home, start)
  expect(starts).toBe(1)
})

test('is where pm2 itself looks for it', () => {
  expect(pm2Home({ PM2_HOME: '/srv/pm2', HOME: '/home/ada' })).toBe('/srv/pm2')
  expect(pm2Home({ PM2_HOME: '', HOME: '/home/ada' })).toBe('/home/ada/.pm2')
})
