import { expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { rememberInFile } from '../../../shared/commands/watch/health-memory.ts'
import { watchHealth } from '../../../shared/commands/watch/watch-health.ts'
import { silent } from '../../log.ts'

const minute = 60_000

/** Looks that come to these ends one after the other, each of which takes so long; then the watch is stopped. */
async function watched(ends: (string | undefined)[], tookMs = 0) {
  const controller = new AbortController()
  const [reported, logged, slept]: [string[], string[], number[]] = [[], [], []]
  const repeated: string[] = []
  let now = 0
  let before: string | undefined
  const look = (): Promise<Outcome> => {
    now += tookMs
    const health = ends.shift()
    const changed = before === undefined ? health !== 'healthy' : health !== before
    before = health
    return Promise.resolve({
      step: 'health-check',
      service: 'api',
      environment: 'production',
      status: health === 'healthy' ? 'success' : 'failure',
      reason: health === undefined ? 'input-invalid' : 'done',
      summary: `it is ${health}`,
      next: '',
      serving: '',
      cause: '',
      evidence: [],
      timings: [],
      durationMs: tookMs,
      startedAt: '',
      outputs: health === undefined ? {} : { health, 'health-changed': String(changed) },
    })
  }
  const last = await watchHealth(
    look,
    10 * minute,
    {
      signal: controller.signal,
      clock: {
        now: () => now,
        elapsed: () => now,
        sleep: ms => {
          slept.push(ms)
          now += ms
          if (ends.length > 0) return Promise.resolve()
          controller.abort(new Error('cancelled by SIGINT'))
          return Promise.reject(new Error('cancelled by SIGINT'))
        },
      },
      log: { ...silent, info: line => void logged.push(line) },
    },
    {
      report: outcome => void reported.push(outcome.outputs['health'] ?? ''),
      repeat: outcome => Promise.resolve(void repeated.push(outcome.outputs['health'] ?? '')),
    },
  )
  return { last, reported, repeated, logged, slept }
}

test('the first look and every change are reported, of the others there is a line', async () => {
  const ends = ['healthy', 'healthy', 'unhealthy', 'unhealthy', 'unknown', 'healthy', 'healthy']
  const { reported, repeated, logged, last } = await watched(ends)
  expect(reported).toEqual(['healthy', 'unhealthy', 'unknown', 'healthy'])
  expect(repeated).toEqual(['healthy', 'unhealthy', 'healthy'])
  expect(logged).toEqual([
    '1970-01-01T00:10:00.000Z healthy: it is healthy',
    '1970-01-01T00:30:00.000Z unhealthy: it is unhealthy',
    '1970-01-01T01:00:00.000Z healthy: it is healthy',
  ])
  expect(last).toMatchObject({ status: 'success', outputs: { health: 'healthy', 'health-changed': 'false' } })
})

test('stopped while the service is ill, it ends as the last look did, and tells it no second time', async () => {
  const { last } = await watched(['healthy', 'unhealthy'])
  expect(last).toMatchObject({ status: 'failure', outputs: { 'health-changed': 'false' } })
})

test('the looks begin ten minutes apart, however long each takes', async () => {
  expect((await watched(['healthy', 'healthy'], 2 * minute)).slept).toEqual([8 * minute, 8 * minute])
  expect((await watched(['healthy', 'healthy'], 11 * minute)).slept).toEqual([0, 0])
})

test('a wrong input ends it at once', async () => {
  const { last, slept } = await watched([undefined])
  expect([last.reason, slept]).toEqual(['input-invalid', []])
})

test('what a look came to is remembered from one start to the next', async () => {
  const root = mkdtempSync(join(tmpdir(), 'runbook-memory-'))
  const start = () => rememberInFile(root, 'production', { warn: () => undefined })
  expect(await start().recall()).toBeUndefined()
  await start().keep('unhealthy')
  expect(await start().recall()).toBe('unhealthy')
  expect(await rememberInFile(root, 'staging', { warn: () => undefined }).recall()).toBeUndefined()
  rmSync(root, { recursive: true })
})
