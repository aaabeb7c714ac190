import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { jobExecution } from '../../../shared/host/job-execution.ts'
import { readRun } from '../../../shared/host/run.ts'
import { claim, type Holder } from '../../../shared/release/lease.ts'

let folders: string[]
beforeEach(() => {
  folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'runner-temp-')))
})
afterEach(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

const holder = (folder: string | undefined): Holder => {
  const env = { GITHUB_ACTIONS: 'true', GITHUB_RUN_ID: '4711', GITHUB_JOB: 'promote', RUNNER_TEMP: folder }
  const own = { pid: 7, host: 'h', startedAt: 36, user: 'u', identity: undefined }
  const { id, attempt, job, title, url } = readRun(env, { ...own, execution: jobExecution(env) })
  return { run: id, attempt, job, title, url }
}

test('a later step of a job goes on with its lease; a job of the same name, of a matrix, waits', () => {
  const [here, there] = folders
  const lease = { holder: holder(here), epoch: 1, deadline: 1_000, handedOver: true }
  const standing = { lease, epoch: 1, ledger: { hold: null } }
  expect(claim(standing, holder(here), 'work', 0).kind).toBe('continue')
  expect(claim(standing, holder(there), 'work', 0).kind).toBe('wait')
})

test('without a folder it is what the runner gives the processes of the job', () => {
  const others = { RUNNER_TRACKING_ID: 'github_1', RUNNER_NAME: 'build-3' }
  expect(jobExecution(others)).toBe('github_1')
  expect(jobExecution({ RUNNER_TEMP: '/nowhere', RUNNER_NAME: 'build-3' })).toBe('build-3')
  expect(jobExecution({})).toBe('')
})

test('what another program wrote there is not taken', () => {
  const [folder = ''] = folders
  writeFileSync(join(folder, 'runbook-job'), `${'a'.repeat(32)}\nx`)
  expect(jobExecution({ RUNNER_TEMP: folder, RUNNER_NAME: 'build-3' })).toBe('build-3')
})
