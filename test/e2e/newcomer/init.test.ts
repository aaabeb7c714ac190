import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { git } from '../../caller/git.ts'
import { runWorkflow, type RunResult, type Trigger } from '../../caller/run.ts'
import { openLab, type Lab } from '../../lab/lab.ts'
import { deleteNamespace, kubectl } from '../../lab/tenancy.ts'
import { freePort } from '../docker/ports.ts'

// The workflows that `runbook init` of the published tree writes, in a repository that has nothing but a Dockerfile, run as they are but
// for the name of the image; the runbook says where this lab's places are.

jest.setTimeout(900_000)

const tree = join(import.meta.dirname, '../../../build/tree')
const folder = mkdtempSync(join(tmpdir(), 'init-'))
const repository = join(folder, 'orders')
const name = `e2e-init-${process.pid}`
const nodePort = 31_800 + (process.pid % 90)
let lab: Lab
let stagingPort: number
let runs = 0

const write = (path: string, text: string) => {
  mkdirSync(join(repository, path, '..'), { recursive: true })
  writeFileSync(join(repository, path), text)
}

beforeAll(async () => {
  if (!existsSync(tree))
    throw new Error('the published tree is missing; make it with: script/assemble build/tree')
  lab = openLab()
  stagingPort = await freePort()
  mkdirSync(repository)
  git(repository, 'init', '-q', '--initial-branch=main')
  git(repository, 'remote', 'add', 'origin', 'https://git.example.com/org/orders.git')
  write(
    'Dockerfile',
    'FROM node:24-bookworm-slim\nCOPY server.js /app/\nUSER 1000\nCMD ["node", "/app/server.js"]\n',
  )
  execFileSync(process.execPath, [join(tree, 'bin/runbook.js'), 'init'], { cwd: repository, stdio: 'pipe' })
  const release = join(repository, '.github/workflows/release.yml')
  const written = readFileSync(release, 'utf8')
  writeFileSync(release, written.replace('registry.example.com/org/orders', `${lab.registry}/${name}/orders`))
  write('deployment/runbook.yml', runbook())
  write('deployment/k8s/orders.yaml', manifests())
  await kubectl(lab, 'create', 'namespace', name)
})

afterAll(async () => {
  const docker = (...args: string[]) =>
    execFileSync('docker', ['--host', lab.docker.host, ...args], { encoding: 'utf8' })
  const ids = docker('ps', '--all', '--quiet', '--filter', `name=^/${name}`).split('\n').filter(Boolean)
  if (ids.length > 0) docker('rm', '--force', '--volumes', ...ids)
  const volumes = docker('volume', 'ls', '--quiet', '--filter', `name=^${name}`).split('\n').filter(Boolean)
  if (volumes.length > 0) docker('volume', 'rm', ...volumes)
  await deleteNamespace(lab, name)
  rmSync(folder, { recursive: true, force: true })
})

function runbook(): string {
  const gate = 'gate: { paths: [/healthz], for: 8s, interval: 100ms }'
  const smoke = 'smoke: { suite: deployment/smoke.yml, requests: 50 }'
  return `service: ${name}
environments:
  staging:
    target: { kind: docker, container: ${name}, ports: ['${stagingPort}:3000'] }
    url: http://127.0.0.1:${stagingPort}
    env-file: deployment/config/.env.staging
    ${gate}
    ${smoke}
  production:
    target: { kind: kubernetes, namespace: ${name}, manifests: deployment/k8s, workload: deployment/orders }
    url: http://${lab.hostIp}:${nodePort}
    env-file: deployment/config/.env.production
    ${gate}
    ${smoke}
`
}

function manifests(): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: orders, namespace: ${name} }
spec:
  replicas: 1
  selector: { matchLabels: { app: orders } }
  strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }
  template:
    metadata: { labels: { app: orders } }
    spec:
      containers:
        - name: app
          image: orders
          envFrom: [{ secretRef: { name: ${name}-env } }]
          readinessProbe: { httpGet: { path: /ready, port: 3000 }, periodSeconds: 1 }
          lifecycle: { preStop: { sleep: { seconds: 2 } } }
---
apiVersion: v1
kind: Service
metadata: { name: orders, namespace: ${name} }
spec:
  type: NodePort
  selector: { app: orders }
  ports: [{ port: 80, targetPort: 3000, nodePort: ${nodePort} }]
`
}

/** Commits and tags a version of the service. @param health the status that `/healthz` and `/health` answer */
function commit(version: string, health: number): void {
  write(
    'server.js',
    `const { createServer } = require('node:http')
createServer(({ url }, response) => {
  response.statusCode = url.startsWith('/health') ? ${health} : 200
  response.end(JSON.stringify({ version: '${version}', key: process.env.ORDERS_KEY }))
}).listen(3000)
process.on('SIGTERM', () => process.exit(0))
`,
  )
  git(repository, 'add', '--all')
  git(repository, 'commit', '-q', '-m', version)
  git(repository, 'tag', version)
}

function run(trigger: Trigger): Promise<RunResult> {
  const envFile = 'ORDERS_KEY=c2VjcmV0IG9mIG9yZGVycw\n'
  runs += 1
  return runWorkflow({
    lab,
    tree,
    repository,
    folder: join(folder, `run-${runs}`),
    id: process.pid * 10 + runs,
    trigger,
    // Of a repository without GitHub environments.
    secrets: {
      STAGING_ENV_FILE: envFile,
      STAGING_DOCKER_HOST: lab.docker.host,
      PRODUCTION_ENV_FILE: envFile,
      PRODUCTION_KUBECONFIG: readFileSync(lab.kubeconfig, 'utf8'),
      REGISTRY_USERNAME: 'orders',
      REGISTRY_PASSWORD: 'password-of-the-registry',
    },
    signal: new AbortController().signal,
  })
}

async function live(): Promise<{ staging: string; production: string }> {
  const version = async (url: string) =>
    ((await (await fetch(`${url}/`)).json()) as { version: string }).version
  return {
    staging: await version(`http://127.0.0.1:${stagingPort}`),
    production: await version(`http://${lab.hostIp}:${nodePort}`),
  }
}

/** The log is what explains a run that ended otherwise. */
function expectEnd(result: RunResult, success: boolean): void {
  if (result.success !== success) throw new Error(readFileSync(result.log, 'utf8').slice(-20_000))
}

test('a tag reaches staging and production', async () => {
  commit('v1.0.0', 200)
  expectEnd(await run({ event: 'push', tag: 'v1.0.0' }), true)
  expect(await live()).toEqual({ staging: 'v1.0.0', production: 'v1.0.0' })
})

test('a faulty release is stopped in staging, which is rolled back; the recovery job finds nothing unfinished', async () => {
  commit('v1.1.0', 500)
  const result = await run({ event: 'push', tag: 'v1.1.0' })
  expectEnd(result, false)
  expect(await live()).toEqual({ staging: 'v1.0.0', production: 'v1.0.0' })
  const settled = result.outcomes.filter(({ step }) => step === 'settle')
  expect(settled.map(({ environment, reason }) => [environment, reason])).toEqual([
    ['staging', 'nothing-to-settle'],
  ])
  expect(result.outcomes.some(({ environment }) => environment === 'production')).toBe(false)
})

test('an operator rolls production back by the workflow, after a dry run that changes nothing', async () => {
  commit('v1.2.0', 200)
  expectEnd(await run({ event: 'push', tag: 'v1.2.0' }), true)
  expect(await live()).toEqual({ staging: 'v1.2.0', production: 'v1.2.0' })
  const inputs = { environment: 'production', to: 'v1.0.0', because: 'orders are slow' }
  const dispatch = { event: 'workflow_dispatch' as const, workflow: 'rollback.yml' }
  expectEnd(await run({ ...dispatch, inputs: { ...inputs, 'dry-run': 'true' } }), true)
  expect((await live()).production).toBe('v1.2.0')
  expectEnd(await run({ ...dispatch, inputs }), true)
  expect(await live()).toEqual({ staging: 'v1.2.0', production: 'v1.0.0' })
})
