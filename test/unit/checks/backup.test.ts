import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { manifestKey } from '../../../shared/backup/storage/keys.ts'
import type { Manifest } from '../../../shared/backup/storage/manifest.ts'
import { backup, judgeArchive } from '../../../shared/checks/release/backup.ts'
import { fail, warn } from '../../../shared/checks/check.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import type { Environment } from '../../../shared/config/environment.ts'
import { manifestAt } from '../../backup-store.ts'
import { contextOf } from './context.ts'

const minute = 60_000
const now = Date.parse('2026-01-01T12:00:00Z')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'check-backup-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function keep(ageMs: number, how: Manifest['verified']['how'], service = 'api'): void {
  const takenAt = now - ageMs
  const at = new Date(takenAt).toISOString()
  const verified = { how, at, where: '', durationMs: 1, opened: 'none' } as const
  const manifest = manifestAt(takenAt, Buffer.from('dump'), { service, verified })
  const { key } = manifest
  mkdirSync(join(folder, key, '..'), { recursive: true })
  writeFileSync(join(folder, key), 'dump')
  writeFileSync(join(folder, manifestKey(key)), JSON.stringify(manifest))
}

function check(said: { backsUpNext?: boolean; promisesRpo?: boolean } = {}) {
  const environment: Partial<Environment> = {
    service: 'api',
    name: 'production',
    root: folder,
    envFile: '',
    backup: {
      destination: `file://${folder}`,
      retentionDays: 30,
      shortDays: 2,
      encryptTo: [],
      signedBy: [],
      verifyQuery: '',
      postgresImage: '',
      rpoMs: 60 * minute,
      rtoMs: 240 * minute,
      envFile: '',
      promisesRpo: said.promisesRpo ?? true,
      wal: false,
    },
  }
  const clock = { ...systemClock, now: () => now }
  return backup.run(contextOf(environment, { clock, backsUpNext: said.backsUpNext ?? false }))
}

test('passes when the newest verified backup is younger than the RPO', async () => {
  keep(59 * minute, 'restore')
  keep(200 * minute, 'restore')
  const found = await check()
  expect(found).toMatchObject({ result: 'pass', finding: expect.stringContaining('59 min 0 s old') })
})

test('one that was not restored does not count, nor one of another service', async () => {
  keep(61 * minute, 'restore')
  keep(5 * minute, 'list')
  keep(4 * minute, 'none')
  keep(3 * minute, 'restore', 'billing')
  expect(await check()).toMatchObject({ result: 'fail', finding: expect.stringContaining('1 h 1 min old') })
})

test('an old one, or none, is only warned of when the same run takes one next, or no RPO is promised', async () => {
  expect(await check()).toMatchObject({
    result: 'fail',
    finding: expect.stringContaining('has no verified backup'),
  })
  keep(61 * minute, 'restore')
  expect(await check({ backsUpNext: true })).toMatchObject({ result: 'warn' })
  expect(await check({ promisesRpo: false })).toMatchObject({ result: 'warn' })
})

test.each([
  [{ DATABASE_URL: 'postgres://db/api' }, 'warn', 'no backup is taken before the release'],
  [{}, 'skip', 'no DATABASE_URL is known'],
])('without a backup block, with %j: %s', async (env, result, finding) => {
  const environment = { name: 'production', root: folder, envFile: '', target: { kind: 'process', env } }
  expect(await backup.run(contextOf(environment as unknown as Environment))).toMatchObject({
    result,
    finding: expect.stringContaining(finding),
  })
})

describe('where the write-ahead log is archived', () => {
  const well = { on: true, ageMs: 5 * minute, failing: undefined, doneWithinMs: undefined }

  test.each([
    ['a young segment', well, 'pass', '5 min 0 s old'],
    ['an old one', { ...well, ageMs: 61 * minute }, 'fail', '1 h 1 min old'],
    [
      'an old one of a server that has written nothing since',
      { ...well, ageMs: 61 * minute, doneWithinMs: 5 * minute },
      'pass',
      'nothing was written since, or less than 5 min 0 s ago',
    ],
    [
      'an old one of a server that may take longer than the RPO to archive what it writes',
      { ...well, ageMs: 61 * minute, doneWithinMs: 61 * minute },
      'fail',
      '1 h 1 min old',
    ],
    ['none yet', { ...well, ageMs: undefined }, 'fail', 'nothing'],
    [
      'one that could not be archived',
      { ...well, failing: '0000000100000000000000A7' },
      'fail',
      '0000000100000000000000A7',
    ],
    ['a server that archives nothing', { ...well, on: false }, 'fail', 'archive_mode is off'],
  ])('its age counts: %s', (_what, archive, result, words) => {
    expect(judgeArchive(archive, 60 * minute, fail)).toMatchObject({
      result,
      finding: expect.stringContaining(words),
    })
  })

  test('an RPO that the runbook does not name is only warned of', () => {
    expect(judgeArchive({ ...well, ageMs: 61 * minute }, 60 * minute, warn).result).toBe('warn')
  })
})
