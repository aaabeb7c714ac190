import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { openLab, type Lab } from '../../lab/lab.ts'
import { freePort } from '../docker/ports.ts'
import { installPm2 } from '../process/machine.ts'
import { actsOf } from './page.ts'

// The page "Your own service", carried out from top to bottom as a reader would, for a service that is not ours, with the
// published tree. Only what a reader must replace is replaced: names of hosts and registries, ports, and the length of a gate.

jest.setTimeout(600_000)

const tree = join(import.meta.dirname, '../../../build/tree')
const page = readFileSync(join(import.meta.dirname, '../../../docs/your-service.md'), 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'newcomer-'))
const repository = join(folder, 'orders')
const home = join(folder, 'home')
const namespace = `e2e-newcomer-${process.pid}`
const container = `e2e-newcomer-${process.pid}`

let lab: Lab
let env: Record<string, string | undefined>
let replace: [RegExp, string][]

beforeAll(async () => {
  if (!existsSync(tree))
    throw new Error('the published tree is missing; make it with: script/assemble build/tree')
  lab = openLab()
  const [development, staging, production] = [await freePort(), await freePort(), 31_900 + (process.pid % 90)]
  mkdirSync(join(home, '.kube'), { recursive: true })
  copyFileSync(lab.kubeconfig, join(home, '.kube/config'))
  cpSync(join(import.meta.dirname, 'orders'), repository, { recursive: true })
  env = {
    ...process.env,
    PATH: `${installPm2()}:${lab.binDir}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    PM2_HOME: join(home, '.pm2'),
    DOCKER_HOST: lab.docker.host,
    DOCKER_BUILDKIT: '0',
    npm_config_cache: process.env['npm_config_cache'] ?? join(process.env['HOME'] ?? '', '.npm'),
    npm_config_userconfig: join(process.env['HOME'] ?? '', '.npmrc'),
  }
  replace = [
    [/github:org\/runbook-actions#v1/g, tree],
    [/ghcr\.io\/org\/orders/g, `${lab.registry}/${container}/orders`],
    [/ssh:\/\/deploy@staging\.example\.com/g, lab.docker.host],
    [/container: orders$/gm, `container: ${container}`],
    [/http:\/\/staging\.example\.com:3001/g, `http://127.0.0.1:${staging}`],
    [/'3001:3000'/g, `'${staging}:3000'`],
    [/http:\/\/localhost:3000/g, `http://127.0.0.1:${development}`],
    [/https:\/\/orders\.example\.com/g, `http://${lab.hostIp}:${production}`],
    [/namespace orders\b/g, `namespace ${namespace}`],
    [/namespace: orders$/gm, `namespace: ${namespace}`],
    [
      /ports: \[\{ name: http, port: 80, targetPort: http \}\]/g,
      `type: NodePort\n  ports: [{ name: http, port: 80, targetPort: http, nodePort: ${production} }]`,
    ],
    [
      /gate: \{ paths: \[\/healthz\](, for: \dm)? \}/g,
      'gate: { paths: [/healthz], for: 8s, interval: 100ms }',
    ],
  ]
  // The only PORT that a process shares with this machine.
  replace.push([
    /start: src\/server\.js\n {6}env: \{ PORT: '3000' \}/g,
    `start: src/server.js\n      env: { PORT: '${development}' }`,
  ])
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['config', 'user.email', 'ada@example.com'],
    ['config', 'user.name', 'ada'],
  ])
    execFileSync('git', args, { cwd: repository })
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: repository, env })
})

afterAll(async () => {
  execFileSync('pm2', ['kill'], {
    env: { ...env, PATH: `${installPm2()}:${process.env['PATH'] ?? ''}` },
    stdio: 'pipe',
  })
  const clear = [
    `docker ps -aq --filter name=${container} | xargs -r docker rm -f`,
    `kubectl delete namespace ${namespace} --ignore-not-found --wait=false`,
  ]
  for (const script of clear) await run(script)
  rmSync(folder, { recursive: true, force: true })
})

async function run(script: string): Promise<{ code: number; said: string }> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: repository,
    env: { ...env, KUBECONFIG: join(home, '.kube/config') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [[code], out, error] = await Promise.all([
    once(child, 'exit') as Promise<[number]>,
    text(child.stdout),
    text(child.stderr),
  ])
  return { code, said: `$ ${script}\n${out}${error}` }
}

function asHere(text: string): string {
  return replace.reduce((result, [from, to]) => result.replace(from, to), text)
}

test('every step of the page works, in its order', async () => {
  const acts = actsOf(page)
  expect(acts.filter(({ kind }) => kind === 'run').length).toBeGreaterThan(5)
  for (const act of acts) {
    if (act.kind === 'write') {
      mkdirSync(join(repository, dirname(act.path)), { recursive: true })
      writeFileSync(join(repository, act.path), asHere(act.text), { mode: 0o600 })
      // The page names one env-file; each environment has its own.
      if (act.path.endsWith('.env.production'))
        for (const name of ['development', 'staging'])
          copyFileSync(join(repository, act.path), join(repository, dirname(act.path), `.env.${name}`))
      continue
    }
    execFileSync('git', ['add', '-A'], { cwd: repository })
    execFileSync('git', ['commit', '-q', '--allow-empty', '-m', act.section], { cwd: repository })
    const { code, said } = await run(asHere(act.script))
    expect({ code, said: code === 0 ? '' : said }).toEqual({ code: 0, said: '' })
  }

  const status = async (environment: string, runbook: string) => {
    writeFileSync(join(repository, 'deployment/runbook.yml'), asHere(runbook))
    const { said } = await run(`npx runbook status ${environment} --json 2>/dev/null`)
    return (JSON.parse(said.slice(said.indexOf('\n') + 1)) as { outputs: { version: string } }).outputs
      .version
  }
  const runbooks = acts.flatMap(act =>
    act.kind === 'write' && act.path.endsWith('runbook.yml') ? [act.text] : [],
  )
  const released = []
  for (const runbook of runbooks) {
    const environment = /^ {2}(\w+):$/m.exec(runbook)?.[1] ?? ''
    released.push(`${environment} ${await status(environment, runbook)}`)
  }
  // Production was rolled back from v0.2.0 by the page's last commands.
  expect(released).toEqual(['development v0.1.0', 'staging v0.1.0', 'production v0.1.0'])
})
