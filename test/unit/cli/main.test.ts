import { afterAll, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { commandsIn } from '../host/runner-parser.ts'

// The command as a process: what a script gets from it when nothing was reached yet.

const run = join(import.meta.dirname, '../../../cli/run.ts')
const folder = mkdtempSync(join(tmpdir(), 'runbook-'))
afterAll(() => rmSync(folder, { recursive: true }))
writeFileSync(
  join(folder, 'runbook.yml'),
  'service: api\nenvironments: { live: { target: { kind: docker, container: api, ports: ["80:3000"] } } }\n',
)

function runbook(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', run, ...words], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test.each([
  ['a command', ['backup', 'live'], 'backup-db'],
  ['an environment', ['status', 'prod', '--config', 'runbook.yml'], 'accepted: live'],
  ['an option', ['status', 'live', '--verbose'], "Unknown option '--verbose'"],
  ['the runbook', ['status', 'live'], 'deployment/runbook.yml cannot be read'],
])('%s that is not there: an outcome on standard output, and exit code 2', (_what, words, said) => {
  const { status, stdout, stderr } = runbook(...words, '--json')
  const outcome = JSON.parse(stdout) as Outcome
  expect({ status, end: outcome.status, reason: outcome.reason, step: outcome.step }).toEqual({
    status: 2,
    end: 'failure',
    reason: 'input-invalid',
    step: words[0],
  })
  expect(outcome.summary).toContain(said)
  expect(stderr).toContain(said)
})

test.each([
  [['hold', 'live', '--config', 'runbook.yml'], 'runbook hold <environment> "<one sentence>"'],
  [['deploy', 'live', '--config', 'runbook.yml', '--timeout', 'soon'], 'Add --timeout with a duration'],
])('what is missing or wrong of %j is said in the words of a terminal', (words, said) => {
  const { status, stderr } = runbook(...words)
  expect(status).toBe(2)
  expect(stderr).toContain(said)
})

test('an error of the first step is printed once', () => {
  const { stderr } = runbook('deploy', 'live', 'v1.0.0', '--config', 'runbook.yml')
  expect(stderr.match(/is missing/g)).toHaveLength(1)
  expect(stderr.match(/deploy live: failure/g)).toHaveLength(1)
})

test('help of a command is the same by either way, and names only what the command takes', () => {
  const [before, after] = [runbook('help', 'deploy'), runbook('deploy', '--help')]
  expect(before).toEqual(after)
  expect(before.status).toBe(0)
  expect(before.stdout).not.toMatch(/--(skip|accept|github-token)/)
  expect(runbook('help').stdout).toMatch(/^ {2}deploy +Deploys, gates/m)
  expect(runbook('help', 'deplyo')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('runbook deploy?'),
  })
})

test('what would go on for longer ends at its timeout', async () => {
  // The kernel takes the connection, and no program ever answers on it.
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const url = `postgres://api:secret@127.0.0.1:${port}/api`
  const destination = `file://${folder}/backups`
  const asked = ['--database-url', url, '--destination', destination, '--timeout', '300ms', '--json']
  const words = ['live', '--config', 'runbook.yml', ...asked]
  const { status, stdout } = runbook('backup-db', ...words)
  silent.close()
  expect(status).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({ status: 'failure', reason: 'deadline' })
})

test('its version', () => {
  expect(runbook('--version').stdout).toMatch(/^runbook \d+\.\d+\.\d+\n$/)
})

const hostile =
  'x##[stop-commands]t ::stop-commands::t \u0085::add-mask::a \u001b]0;title\u0007 \r::debug::b \u2028::error::c'

test('under a runner, nothing that was given is obeyed, and secrets of the environment are masked first', () => {
  writeFileSync(join(folder, 'hostile.yml'), `service: ${JSON.stringify(hostile)}\nenvironments: {}\n`)
  const token = 'ghs_A1b2C3d4E5f6'
  for (const words of [
    ['status', hostile, '--config', 'runbook.yml'],
    ['status', 'live', '--config', 'hostile.yml'],
    ['status', 'live', '--config', `${hostile}.yml`],
    [hostile, token],
    ['hold', 'live', '--config', 'runbook.yml', token, hostile],
  ]) {
    const { stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', run, ...words, '--json'], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, GITHUB_ACTIONS: 'true', GITHUB_TOKEN: token },
    })
    const [mask, ...rest] = stderr.split('\n')
    expect(mask).toBe(`::add-mask::${token}`)
    expect(commandsIn(rest.join('\n'))).toEqual([])
    expect(commandsIn(stdout)).toEqual([])
    expect(`${rest.join()}${stdout}`).not.toMatch(/[\u0007\u001b\u0085\u2028]/)
    expect(`${rest.join()}${stdout}`).not.toContain(token)
  }
})
