import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { healthWatch, healthWatchFields } from '../../../shared/commands/watch/health-check.ts'
import { serve, type StandInServer } from '../../lab/contracts/server.ts'
import { startGitHub } from '../../lab/github.ts'
import { startSlack, type SlackStandIn } from '../../lab/slack.ts'
import { environmentAt, realPorts } from '../gate/ports.ts'

const command = join(import.meta.dirname, '../../../cli/run.ts')
let root = ''
let slack: SlackStandIn
const ill = new Set<string>()
const services: Record<string, StandInServer> = {}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'runbook-health-'))
  slack = await startSlack()
  for (const name of ['staging', 'production'])
    services[name] = await serve(() =>
      ill.has(name) ? { status: 503 } : { status: 200, body: { status: 'ok' } },
    )
  const environment = (name: string) => ({
    target: {
      kind: 'docker',
      container: `absent-${name}`,
      ports: ['3001:3000'],
      host: 'unix:///nowhere.sock',
    },
    url: services[name]?.url,
    gate: { for: '3500ms', interval: '50ms', paths: ['/health'] },
    notify: { slack: 'SLACK_WEBHOOK_URL' },
  })
  const runbook = {
    service: 'runbook-api',
    environments: { staging: environment('staging'), production: environment('production') },
  }
  mkdirSync(join(root, 'deployment'))
  writeFileSync(join(root, 'deployment/runbook.yml'), JSON.stringify(runbook))
})
afterAll(async () => {
  await slack.stop()
  for (const each of Object.values(services)) await each.stop()
  rmSync(root, { recursive: true })
})

function start(words: string[]) {
  const env = { PATH: process.env['PATH'], HOME: root, SLACK_WEBHOOK_URL: slack.webhook }
  const child = spawn(process.execPath, [command, 'health-check', ...words], { cwd: root, env })
  const ended = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)])
  return {
    child,
    ended: ended.then(([[code], out, said]) => ({ code: code as number, out, said })),
  }
}
const check = (...words: string[]) => start(words).ended
const told = () => slack.posted.splice(0).map(({ text }) => text)

test('without a name all environments are looked at, side by side; only a change is told', async () => {
  ill.add('production')
  const first = await check('--json')
  const outcomes = first.out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Outcome)
  expect(
    outcomes.map(({ environment, status, outputs }) => [environment, status, outputs['health']]),
  ).toEqual([
    ['staging', 'success', 'healthy'],
    ['production', 'failure', 'unhealthy'],
  ])
  expect(first.code).toBe(1)
  expect(first.said).toMatch(/^production \| health-check production: failure \(gate-failed\)/m)
  expect(first.said).toMatch(/^staging \| health-check staging: success \(done\)/m)
  expect(told()).toEqual(['❌ production: not well'])

  const again = await check('production')
  expect([again.code, told()]).toEqual([1, []])
  expect(again.said).toContain('runbook logs production')

  ill.clear()
  const well = await check('production')
  expect([well.code, told()]).toEqual([0, ['✅ production: well again']])
})

test('a watch goes on until it is stopped, and ends as the last look did', async () => {
  const { child, ended } = start(['production', '--watch', '--interval', '1s'])
  let seen = ''
  child.stderr.on('data', chunk => (seen += String(chunk)))
  const until = async (is: () => boolean) => {
    while (!is()) {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${seen}`)
      await pause(50)
    }
  }
  await until(() => seen.includes(' healthy: '))
  ill.add('production')
  await until(() => slack.posted.length === 1)
  child.kill('SIGINT')
  const { code } = await ended
  ill.clear()
  expect([code, told()]).toEqual([1, ['❌ production: not well']])
})

test('on a runner, the run before is the memory', async () => {
  const github = await startGitHub()
  github.runs.push(
    { id: 2, status: 'in_progress', jobs: [] },
    { id: 1, status: 'completed', jobs: [{ name: 'watch / health staging', conclusion: 'failure' }] },
  )
  const look = (token: string) =>
    healthWatch(
      environmentAt(services['staging']?.url ?? '', {
        gate: { ...environmentAt('').gate, forMs: 3_500, paths: ['/health'] },
      }),
      parseInputs(healthWatchFields, key => ({ environment: 'staging', 'github-token': token })[key] ?? ''),
      realPorts({
        env: { GITHUB_API_URL: github.apiUrl, GITHUB_REPOSITORY: github.repository, GITHUB_RUN_ID: '2' },
      }),
    )
  const [known, refused] = await Promise.all([look(github.token), look('ghs_of_another')])
  await github.stop()
  expect(known.outputs).toMatchObject({ health: 'healthy', 'health-changed': 'true' })
  expect(refused.outputs).toMatchObject({ health: 'healthy', 'health-changed': 'false' })
  expect(refused.evidence).toContainEqual(expect.objectContaining({ subject: 'memory', tone: 'warn' }))
  expect(github.complaints).toEqual([])
})
