import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { deliverStart } from '../../../shared/report/deliver.ts'
import { startGitHub, type GitHubStandIn } from '../../lab/github.ts'
import { startSlack, type SlackStandIn } from '../../lab/slack.ts'
import { environmentAt, realPorts } from '../gate/ports.ts'
import { enterMachine, installPm2, type Machine } from '../process/machine.ts'

// Whole runs of the command, as on a runner, against a real pm2; Slack and GitHub hold what they are told against what
// they publish.

const port = 23_140
const command = join(import.meta.dirname, '../../../cli/run.ts')
const runUrl = 'https://github.com/org/runbook-api/actions/runs/4711'
const sha = (version: string) => version.replaceAll(/\D/g, '').padEnd(40, '0')

let machine: Machine
let slack: SlackStandIn
let github: GitHubStandIn
beforeAll(async () => {
  slack = await startSlack()
  github = await startGitHub()
  machine = enterMachine(installPm2(), port)
  machine.write({
    'smoke.yml':
      'name: health only\nrequests:\n  - { name: health, path: /health, expect: { status: 200 } }\n',
    'deployment/runbook.yml': `
service: probe
environments:
  development:
    target: { kind: process, app: probe, directory: deployment/releases, source: service, start: main.js }
    url: http://127.0.0.1:${port}
    gate: { for: 3s, interval: 50ms, paths: [/health] }
    smoke: { suite: smoke.yml, requests: 10, concurrency: 1 }
    notify: { slack: SLACK_WEBHOOK_URL, github: DEPLOYMENTS_TOKEN }
    checks: { on-call: [{ name: Ada, contact: CHANGE_THIS }] }
`,
  })
  const main = `import { createServer } from 'node:http'\ncreateServer((_asked, answer) => answer.end('{"status":"ok"}')).listen(${port})\n`
  machine.tag('v1.0.0', { 'service/package.json': '{ "type": "module" }', 'service/main.js': main })
  machine.tag('v1.1.0', { 'service/main.js': 'process.exit(3)\n' })
  for (const version of ['v1.0.0', 'v1.1.0']) {
    github.refs.set(version, sha(version))
    github.commits.set(sha(version), {})
  }
})
afterAll(async () => {
  await machine.leave()
  await slack.stop()
  await github.stop()
})

async function runbook(words: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [command, ...words], {
    cwd: machine.root,
    env: {
      ...machine.env,
      SLACK_WEBHOOK_URL: slack.webhook,
      DEPLOYMENTS_TOKEN: github.token,
      GITHUB_ACTIONS: 'true',
      GITHUB_REPOSITORY: github.repository,
      GITHUB_API_URL: github.apiUrl,
      GITHUB_RUN_ID: '4711',
      GITHUB_ACTOR: 'ada',
      ...env,
    },
  })
  const [code, said, out] = await Promise.all([once(child, 'exit'), text(child.stderr), text(child.stdout)])
  // What the runner is told to mask, it does not show.
  const shown = (said + out).replaceAll(/^::add-mask::.*\n/gm, '')
  return { code: code[0] as number, said: shown }
}

/** What the phones of the team showed since the last time. */
let heard = 0
function headlines(): (string | undefined)[] {
  const fresh = slack.posted.slice(heard).map(({ text }) => text)
  heard = slack.posted.length
  return fresh
}
const recorded = () =>
  github.deployments.map(({ ref, statuses }) => [ref, ...statuses.map(({ state }) => state)])

test('a release that is well is told twice: when it begins, and when it serves', async () => {
  const { code, said } = await runbook(['deploy', 'development', 'v1.0.0'])
  expect({ code, said }).toMatchObject({ code: 0 })
  expect(headlines()).toEqual(['🚀 development: v1.0.0 is being deployed', '✅ development: v1.0.0 serves'])
  expect(JSON.stringify(slack.posted)).toContain(`<${runUrl}|run 4711 of org/runbook-api> · ada`)
  expect(recorded()).toEqual([['v1.0.0', 'in_progress', 'success']])
  expect(github.deployments[0]).toMatchObject({
    environment: 'development',
    payload: { service: 'probe', version: 'v1.0.0', release: 'r1' },
    statuses: [{}, { log_url: runUrl, environment_url: `http://127.0.0.1:${port}` }],
  })
  expect(said).not.toContain(new URL(slack.webhook).pathname)
  expect(said).not.toContain(github.token)
})

test('what the checks of a run have announced is not told again when it begins', async () => {
  const checked = await runbook([
    'pre-deploy-check',
    'development',
    '--version',
    'v1.0.0',
    '--checks',
    'announcement',
  ])
  expect(checked).toMatchObject({ code: 0 })
  expect(headlines()).toEqual(['probe v1.0.0 is about to be deployed to development'])
  const beginning = {
    service: 'probe',
    environment: 'development',
    version: 'v1.0.0',
    release: 'r1',
    serving: '',
  }
  const environment = environmentAt('', {
    root: machine.root,
    name: 'development',
    notify: { slack: 'HOOK', github: '' },
  })
  const tell = (run: string) => {
    const ports = realPorts({ env: { HOOK: slack.webhook } })
    const id = `github.com/org/runbook-api/runs/${run}`
    return deliverStart(environment, beginning, { ...ports, run: { ...ports.run, id } })
  }
  await tell('4711')
  expect(headlines()).toEqual([])
  await tell('4712')
  expect(headlines()).toEqual(['🚀 development: v1.0.0 is being deployed'])
})

test('one that fails is told with its cause, and then what serves again; GitHub shows the same', async () => {
  const { code } = await runbook(['deploy', 'development', 'v1.1.0'])
  expect(code).toBe(1)
  expect(headlines()).toEqual([
    '🚀 development: v1.1.0 is being deployed',
    '❌ development: the deploy failed',
    '✅ development: v1.0.0 serves again',
  ])
  expect(JSON.stringify(slack.posted.at(-2))).toContain('`rollout-doomed`')
  expect(recorded()).toEqual([
    ['v1.0.0', 'in_progress', 'success'],
    ['v1.1.0', 'in_progress', 'failure'],
    ['v1.0.0', 'success'],
  ])
})

test('the checks that a release was let past are remembered with it', async () => {
  const checks = ['--checks', 'on-call,host', '--version', 'v1.1.0']
  const checked = await runbook([
    ...['pre-deploy-check', 'development', ...checks],
    ...['--skip', 'host: moves on Friday', '--accept', 'on-call: hotfix for incident 4711'],
  ])
  expect(checked).toMatchObject({ code: 0 })
  expect((await runbook(['deploy', 'development', 'v1.1.0'])).code).toBe(1)
  const { said } = await runbook(['history', 'development'])
  expect(said).toMatch(/r3 v1\.1\.0[^]*on-call was accepted: hotfix for incident 4711[^]*r2 v1\.1\.0/)
  expect(said).toContain('host was skipped: moves on Friday')
  headlines()
})

test('a hold, what it keeps away, and its end are told', async () => {
  await runbook(['hold', 'development', 'the disk is being changed'])
  const { code } = await runbook(['deploy', 'development', 'v1.1.0'])
  expect(code).toBe(1)
  await runbook(['resume', 'development'])
  expect(headlines()).toEqual([
    '⏸️ development: on hold',
    '⚠️ development: nothing was deployed',
    '✅ development: no longer on hold',
  ])
  expect(recorded()).toHaveLength(5)
})

test('a Slack that does not answer, and a token that may not write, are warned of and hold nothing up', async () => {
  github.denied.add('deployments')
  const { code, said } = await runbook(['deploy', 'development', 'v1.0.0', '--dry-run'])
  expect(code).toBe(0)
  const dead = 'http://127.0.0.1:9/services/T0/B0/a-secret-that-must-not-be-seen'
  const held = await runbook(['hold', 'development', 'again'], { SLACK_WEBHOOK_URL: dead })
  expect(held.code).toBe(0)
  expect(held.said).toContain('! Slack cannot be reached: connection refused')
  expect(held.said).not.toContain('a-secret-that-must-not-be-seen')
  const resumed = await runbook(['resume', 'development'], { SLACK_WEBHOOK_URL: '' })
  expect(resumed.said).toContain(
    '! SLACK_WEBHOOK_URL is not set: Slack is not told that development: no longer on hold',
  )
  expect(said).not.toContain('! ')
  expect([headlines(), slack.complaints, github.complaints]).toEqual([[], [], []])
})
