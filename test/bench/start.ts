import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median, type Bench, type Measurement } from './measurement.ts'

const root = join(import.meta.dirname, '../..')
const rounds = 15

/**
 * How far a start goes: `refusal`, until a wrong input was refused; `request`, until the first request to the service or
 * cluster arrives, so that all that is loaded on the way counts.
 */
const actions = {
  'pre-deploy-check': { until: 'refusal', most: 100 },
  'backup-db': { until: 'refusal', most: 100 },
  'health-gate': { until: 'request', most: 100 },
  'smoke-test': { until: 'request', most: 100 },
  deploy: { until: 'request', most: 180 },
  rollback: { until: 'request', most: 180 },
} as const

/** Each action's start against `node -e 0`, alternating, without and with a warm compile cache. */
export const start: Bench = {
  name: 'start',
  async run() {
    const stage = await createStage()
    const measurements: Measurement[] = []
    for (const [name, { until, most }] of Object.entries(actions)) {
      const bare: number[] = []
      const cold: number[] = []
      const warm: number[] = []
      await stage.start(name, until, stage.cache)
      for (let round = 0; round < rounds; round++) {
        bare.push(await stage.bare())
        cold.push(await stage.start(name, until, {}))
        warm.push(await stage.start(name, until, stage.cache))
      }
      const base = median(bare)
      const say = (suffix: string, values: number[], limit: number): Measurement => ({
        name: `start ${name}${suffix}`,
        value: Math.round((median(values) - base) * 10) / 10,
        unit: 'ms over bare node',
        versus: `bare node ${base.toFixed(0)} ms`,
        aim: `at most ${limit} ms`,
        met: median(values) - base <= limit,
        at: new Date().toISOString(),
        note: `median of ${rounds}, until the first ${until}`,
      })
      measurements.push(say('', cold, most), say(', warm compile cache', warm, Math.min(most, 150)))
    }
    stage.close()
    return measurements
  },
}

interface Stage {
  cache: Record<string, string>
  bare(): Promise<number>
  start(name: string, until: 'refusal' | 'request', env: Record<string, string>): Promise<number>
  close(): void
}

/** A repository to start in, and a server that stands for registry, cluster and service, and only notes arrivals. */
async function createStage(): Promise<Stage> {
  const work = mkdtempSync(join(tmpdir(), 'runbook-bench-'))
  let arrived: () => void = () => undefined
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/v2/')) {
      response.setHeader('docker-content-digest', `sha256:${'0'.repeat(64)}`).end()
      return
    }
    arrived()
    response.destroy()
  })
  const port = await listen(server)
  const kubeconfig = join(work, 'kubeconfig')
  writeFileSync(kubeconfig, kubeconfigFor(port))
  mkdirSync(join(work, 'deployment'))
  cpSync(join(root, 'deployment/k8s'), join(work, 'deployment/k8s'), { recursive: true })
  writeFileSync(join(work, 'deployment/runbook.yml'), runbookFor(port))
  const inputs: Record<string, string> = {
    INPUT_ENVIRONMENT: 'production',
    INPUT_VERSION: 'v1.0.0',
    INPUT_IMAGE: `localhost:${port}/runbook-api@sha256:${'0'.repeat(64)}`,
    INPUT_KUBECONFIG: kubeconfig,
  }

  return {
    cache: { NODE_COMPILE_CACHE: join(work, 'cache') },
    bare: () => launch(['-e', '0'], {}, work).ended,
    start(name, until, env) {
      const entry = join(root, 'build/tree', name, 'dist/index.js')
      if (until === 'refusal') return launch([entry], env, work).ended
      return new Promise(resolve => {
        const { child, from, ended } = launch([entry], { ...env, ...inputs }, work)
        arrived = () => {
          arrived = () => undefined
          const took = performance.now() - from
          child.kill('SIGKILL')
          void ended.then(() => resolve(took))
        }
      })
    },
    close() {
      server.close()
      server.closeAllConnections()
      rmSync(work, { recursive: true })
    },
  }
}

function launch(args: string[], env: Record<string, string>, cwd: string) {
  const from = performance.now()
  const child = spawn('node', args, {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, GITHUB_WORKSPACE: cwd, ...env },
    stdio: 'ignore',
  })
  const ended = new Promise<number>(resolve => child.on('close', () => resolve(performance.now() - from)))
  return { child, from, ended }
}

function listen(server: Server): Promise<number> {
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

function runbookFor(port: number): string {
  return `service: runbook-api
environments:
  production:
    target: { kind: kubernetes, namespace: production, manifests: deployment/k8s/prod, workload: deployment/runbook-api }
    url: http://127.0.0.1:${port}
`
}

function kubeconfigFor(port: number): string {
  return `apiVersion: v1
kind: Config
current-context: bench
clusters: [{ name: bench, cluster: { server: "http://127.0.0.1:${port}" } }]
users: [{ name: bench, user: { token: none } }]
contexts: [{ name: bench, context: { cluster: bench, user: bench, namespace: production } }]
`
}
