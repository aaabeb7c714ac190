import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { redis } from '../../../shared/checks/infrastructure/redis.ts'
import { openLab } from '../../lab/lab.ts'
import { resolveChecks } from '../../../shared/config/checks.ts'
import { openRedis, parseRedisUrl } from '../../../shared/integrations/database/redis.ts'
import { environmentAt } from '../gate/ports.ts'
import { ask } from './context.ts'
import { freePort } from './own-postgres.ts'

const lab = openLab()
const url = `redis://${lab.redis.host}:${lab.redis.port}`
const password = lab.redis.password
const own: ChildProcess[] = []
let full: string
let evicting: string
let replica: string

beforeAll(async () => {
  full = await startRedis('--maxmemory', '500kb', '--maxmemory-policy', 'noeviction')
  evicting = await startRedis('--maxmemory', '500kb', '--maxmemory-policy', 'allkeys-lru')
  replica = await startRedis('--replicaof', lab.redis.host, String(lab.redis.port), '--masterauth', password)
})
afterAll(async () => {
  for (const server of own) {
    server.kill('SIGKILL')
    await once(server, 'exit')
  }
})

/** A server of the test's own, since its settings would disturb others. */
async function startRedis(...settings: string[]): Promise<string> {
  const port = await freePort()
  const server = spawn(
    'redis-server',
    ['--port', String(port), '--save', '', '--bind', '127.0.0.1', ...settings],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  own.push(server)
  for await (const chunk of server.stdout) if (String(chunk).includes('Ready to accept')) break
  return `redis://127.0.0.1:${port}`
}

async function tell(url: string, command: string): Promise<unknown> {
  const signal = new AbortController().signal
  const session = await openRedis(parseRedisUrl('url', url, ''), { signal, timeoutMs: 5_000 })
  const [name = '', ...args] = command.split(' ')
  return session.call(name, ...args).finally(() => session.close())
}

const check = (REDIS_URL: string, REDIS_PASSWORD = '') => ask(redis, { REDIS_URL, REDIS_PASSWORD })

describe('the Redis check', () => {
  test('passes with the password beside the URL, or in it', async () => {
    expect(await check(url, password)).toMatchObject({ result: 'pass' })
    const inUrl = url.replace('//', `//:${password}@`)
    expect((await check(`${inUrl}/3`)).finding).toMatch(/^Redis \d+\.\d+\.\d+ at 127.0.0.1:\d+, .* in use/)
  })

  test.each([
    ['a wrong password', url, 'wrong', /WRONGPASS/, /REDIS_PASSWORD/],
    ['no password where one is asked for', url, '', /NOAUTH/, /Set REDIS_PASSWORD/],
    ['nothing at the port', 'redis://127.0.0.1:1', '', /ECONNREFUSED/, /server runs/],
    ['a host without address', 'redis://cache.invalid', '', /cache\.invalid/, /host name/],
    ['a database that is not there', `${url}/999`, password, /out of range/, /.*/],
  ])('fails for %s', async (_what, at, secret, finding, remedy) => {
    const failing = check(at, secret)
    await expect(failing).rejects.toMatchObject({
      message: expect.stringMatching(finding),
      hint: expect.stringMatching(remedy),
    })
    await expect(failing).rejects.toMatchObject({ hint: expect.stringContaining('add redis to skip') })
  })

  test('fails for a password that the server never asked for', async () => {
    await expect(check(evicting, 'needless')).rejects.toMatchObject({
      hint: expect.stringContaining('it has no password'),
    })
  })

  test('fails when writes are refused for want of memory, not when old keys give way', async () => {
    expect(await check(full)).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('writes are refused'),
      remedy: expect.stringContaining('maxmemory'),
    })
    expect(await check(evicting)).toMatchObject({ result: 'pass' })
  })

  test('fails for another eviction policy than the runbook wants, until the remedy was followed', async () => {
    const checks = resolveChecks(key => key, { redis: { eviction: 'allkeys-lfu' } })
    const said = { environment: environmentAt('', { envFile: '.env', checks }) }
    const found = await ask(redis, { REDIS_URL: evicting }, said)
    expect(found).toMatchObject({ result: 'fail', finding: expect.stringContaining('evicts by allkeys-lru') })
    const [, command = ''] = /redis-cli (CONFIG SET \S+ \S+),/.exec(found.remedy) ?? []
    await tell(evicting, command)
    expect(await ask(redis, { REDIS_URL: evicting }, said)).toMatchObject({ result: 'pass' })
  })

  test('fails when it refuses writes after a failed snapshot, and warns when it takes them, until the remedy was followed', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'e2e-redis-'))
    const saving = await startRedis('--dir', dir, '--save', '3600', '1')
    // What is in the way of the snapshot's name.
    mkdirSync(join(dir, 'dump.rdb/full'), { recursive: true })
    // Only a snapshot in the background counts.
    const snapshot = async () => {
      await tell(saving, 'BGSAVE')
      while (!String(await tell(saving, 'INFO persistence')).includes('rdb_bgsave_in_progress:0'));
    }
    await snapshot()
    await expect(tell(saving, 'SET a b')).rejects.toThrow('MISCONF')
    await expect(check(saving)).rejects.toMatchObject({
      message: expect.stringContaining('MISCONF'),
      hint: expect.stringContaining('run BGSAVE'),
    })
    await tell(saving, 'CONFIG SET stop-writes-on-bgsave-error no')
    await tell(saving, 'SET a b')
    expect(await check(saving)).toMatchObject({
      result: 'warn',
      finding: expect.stringContaining('its last snapshot failed'),
      remedy: expect.stringContaining('run BGSAVE'),
    })
    rmSync(join(dir, 'dump.rdb'), { recursive: true })
    await snapshot()
    expect((await check(saving)).result).toBe('pass')
    rmSync(dir, { recursive: true })
  })

  test('fails for a replica', async () => {
    expect(await check(replica)).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('replica'),
    })
  })

  test('is skipped where no address is known', async () => {
    expect(await ask(redis, {})).toMatchObject({ result: 'skip' })
  })
})
