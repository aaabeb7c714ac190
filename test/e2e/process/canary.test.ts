import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Holder } from '../../../shared/release/lease.ts'
import { release } from '../environment-lock.ts'
import { enterMachine, installPm2, type Machine } from './machine.ts'

let machine: Machine
beforeAll(() => {
  machine = enterMachine(installPm2(), 23_140)
})
afterAll(() => machine.leave())

const holder: Holder = { run: 'canary', attempt: 1, job: 'deploy', title: 'run canary', url: '' }

/** What a job of a workflow has in its environment, and no program of the service may see. */
const canaries = {
  INPUT_KUBECONFIG: 'canary-kubeconfig',
  GITHUB_TOKEN: 'canary-github',
  ACTIONS_RUNTIME_TOKEN: 'canary-runtime',
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'canary-oidc',
  SLACK_WEBHOOK_URL: 'canary-slack',
  AWS_SECRET_ACCESS_KEY: 'canary-aws',
  RUNBOOK_SSH_CONFIG: 'canary-ssh',
  NODE_AUTH_TOKEN: 'registry-login',
}

test('an install script of a dependency, and the app itself, see no secret of the deploy', async () => {
  const dump = (file: string) =>
    `require('node:fs').writeFileSync(${JSON.stringify(join(machine.root, file))}, JSON.stringify(process.env))`
  machine.write({
    '.gitignore': 'deployment/\n*.json.seen\n',
    'service/.npmrc': '//npm.example.com/:_authToken=${NODE_AUTH_TOKEN}\n',
    'service/package.json': JSON.stringify({
      name: 'probe',
      version: '1.0.0',
      dependencies: { curious: 'file:curious' },
      scripts: { postinstall: 'node curious/dump.js' },
    }),
    'service/curious/package.json': JSON.stringify({ name: 'curious', version: '1.0.0' }),
    'service/curious/dump.js': dump('install.json.seen'),
    'service/main.js': `${dump('app.json.seen')}
require('node:http').createServer((_asked, answer) => answer.end('ok')).listen(23140)`,
  })
  mkdirSync(join(machine.root, 'service'), { recursive: true })
  execFileSync('npm', ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: join(machine.root, 'service'),
    env: { ...machine.env, NODE_AUTH_TOKEN: 'x' },
    stdio: 'pipe',
  })
  machine.tag('v1.0.0', {})
  Object.assign(machine.env, canaries)
  const target = await machine.open()
  const taken = await target.take(holder, 'work', 60_000)
  if (!('ledger' in taken)) throw new Error('the environment is held')
  await release(target, taken, 'v1.0.0', await target.pin({ version: 'v1.0.0', image: '' }), {})
  const [install = '', app = ''] = ['install.json.seen', 'app.json.seen'].map(file =>
    readFileSync(join(machine.root, file), 'utf8'),
  )
  expect(`${install}${app}`).not.toContain('canary')
  expect(JSON.parse(install)).toMatchObject({ NODE_AUTH_TOKEN: 'registry-login' })
  expect(app).not.toContain('registry-login')
  await target.close()
})
