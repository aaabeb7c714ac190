import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { certificatesIn, type Certificates, type Holder } from '../lab/kubernetes/certificates.ts'
import { hostIp, networks, placesOf } from '../lab/places.ts'
import { buildPrograms } from '../lab/build-programs.ts'
import { simulation } from './simulation.ts'

export interface Requests {
  /** By verb and resource: `watch pods`. */
  counts: Map<string, number>
  /** How many watches of a resource were open at once, at most. */
  watches: Map<string, number>
}

/** A control plane of its own, with nodes and pods that KWOK only pretends: thousands of them on one machine. */
export interface SimulatedCluster {
  kubeconfig: string
  /** What all clients but the cluster's own parts have asked since the last question. */
  requests(): Requests
  close(): void
}

/**
 * Controllers and scheduler ask the API no more than some 20 and 50 times a second by default, so that 5,000 pods take
 * minutes with every tool; clusters of that size raise it.
 */
const controllerQps = { 'kube-api-qps': 500, 'kube-api-burst': 1_000 }
/** Nothing here ever marks a node as lost, or counts quotas: what makes and removes pods is enough. */
const controllers = [
  'deployment-controller',
  'replicaset-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'garbage-collector-controller',
]
const ownAgents = /^(kube-|kwok|etcd)/

/** Starts it beside the lab, whose certificates it uses; nothing of the lab's own cluster is touched. */
export async function startSimulatedCluster(nodes: number): Promise<SimulatedCluster> {
  const files = certificatesIn(placesOf(process.env).state)
  const programs = await buildPrograms([
    'etcd',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kwok',
  ])
  const folder = mkdtempSync(join(tmpdir(), 'runbook-scale-'))
  const [client, peer, port] = [await freePort(), await freePort(), await freePort()]
  const server = `https://127.0.0.1:${port}`
  const audit = join(folder, 'audit.log')
  const kill = new AbortController()
  const start = (program: keyof typeof programs, settings: Record<string, string | number | boolean>) => {
    const log = join(folder, `${program}.log`)
    const output = openSync(log, 'w')
    const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
    const child = spawn(programs[program], flags, {
      stdio: ['ignore', output, output],
      signal: kill.signal,
      killSignal: 'SIGKILL',
    })
    child.on('error', () => undefined)
    child.on('close', () => {
      if (!kill.signal.aborted) console.log(`   ${program} ended: ${readFileSync(log, 'utf8').slice(-2_000)}`)
    })
  }
  // Whatever ends the bench ends them.
  const end = () => {
    kill.abort()
    process.off('exit', end)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  process.on('exit', end)
  const kubeconfig = (holder: Holder): string => {
    const path = join(folder, `${holder}.json`)
    const text = readFileSync(files.kubeconfig(holder), 'utf8')
    writeFileSync(path, text.replace(/"server":"[^"]+"/, `"server":"${server}"`), { mode: 0o600 })
    return path
  }
  try {
    mkdirSync(join(folder, 'etcd'), { mode: 0o700 })
    start('etcd', {
      'data-dir': join(folder, 'etcd'),
      'listen-client-urls': `http://127.0.0.1:${client}`,
      'advertise-client-urls': `http://127.0.0.1:${client}`,
      'listen-peer-urls': `http://127.0.0.1:${peer}`,
      'initial-advertise-peer-urls': `http://127.0.0.1:${peer}`,
      'initial-cluster': `default=http://127.0.0.1:${peer}`,
      'unsafe-no-fsync': true,
      'log-level': 'error',
    })
    start('kube-apiserver', apiServer(files, { folder, audit, etcd: client, port }))
    await until('the API server', async () => (await ask(files, server, 'GET', '/readyz')) === 200)
    for (const program of ['kube-controller-manager', 'kube-scheduler'] as const) {
      const holder = program === 'kube-scheduler' ? 'scheduler' : 'controller-manager'
      start(program, {
        kubeconfig: kubeconfig(holder),
        'secure-port': 0,
        'leader-elect': false,
        ...controllerQps,
        ...(holder === 'scheduler'
          ? {}
          : {
              controllers: controllers.join(','),
              'use-service-account-credentials': true,
              'service-account-private-key-file': files.tokenKey,
            }),
      })
    }
    const stages = join(folder, 'stages.yaml')
    writeFileSync(stages, simulation)
    start('kwok', { kubeconfig: kubeconfig('admin'), 'manage-all-nodes': true, config: stages })
    for (let i = 0; i < nodes; i++) {
      const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: `simulated-${i}` } }
      await ask(files, server, 'POST', '/api/v1/nodes', node)
    }
    const last = `/api/v1/nodes/simulated-${nodes - 1}`
    await until('the simulated nodes', async () => /"pods":\s*"110"/.test(await read(files, server, last)))
    await until('the default service account', async () => {
      return (await ask(files, server, 'GET', '/api/v1/namespaces/default/serviceaccounts/default')) === 200
    })
  } catch (error) {
    end()
    throw error
  }
  let seen = 0
  return {
    kubeconfig: kubeconfig('admin'),
    requests() {
      const text = readFileSync(audit, 'utf8')
      const found = countRequests(text.slice(seen))
      seen = text.lastIndexOf('\n') + 1
      return found
    },
    close: end,
  }
}

interface AuditEvent {
  verb: string
  userAgent?: string
  stage: string
  objectRef?: { resource?: string; subresource?: string }
}

function countRequests(text: string): Requests {
  const counts: Tally = new Map()
  const open: Tally = new Map()
  const watches: Tally = new Map()
  for (const line of text.split('\n').filter(Boolean)) {
    const { verb, userAgent = '', stage, objectRef } = JSON.parse(line) as AuditEvent
    if (ownAgents.test(userAgent)) continue
    const resource = objectRef?.resource ?? '-'
    const begins = stage === 'ResponseStarted'
    if (verb === 'watch') {
      const now = add(open, resource, begins ? 1 : -1)
      watches.set(resource, Math.max(watches.get(resource) ?? 0, now))
    }
    // A watch is counted when it begins, anything else when it is over.
    if (begins === (verb === 'watch')) add(counts, `${verb} ${resource}`, 1)
  }
  return { counts, watches }
}

type Tally = Map<string, number>

function add(tally: Tally, key: string, count: number): number {
  const now = (tally.get(key) ?? 0) + count
  tally.set(key, now)
  return now
}

function apiServer(
  files: Certificates,
  { folder, audit, etcd, port }: { folder: string; audit: string; etcd: number; port: number },
) {
  const policy = join(folder, 'audit.json')
  const rules = [{ level: 'Metadata', users: ['lab-admin'] }, { level: 'None' }]
  writeFileSync(
    policy,
    JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules }),
  )
  return {
    'etcd-servers': `http://127.0.0.1:${etcd}`,
    'bind-address': '127.0.0.1',
    'advertise-address': hostIp,
    'secure-port': port,
    'service-cluster-ip-range': networks.services,
    'authorization-mode': 'Node,RBAC',
    // It marks every new node as not ready, for a controller to unmark that does not run here.
    'disable-admission-plugins': 'TaintNodesByCondition',
    'client-ca-file': files.ca,
    'tls-cert-file': files.certificate('apiserver'),
    'tls-private-key-file': files.key('apiserver'),
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': files.tokenKey,
    'service-account-signing-key-file': files.tokenKey,
    'cert-dir': folder,
    'audit-policy-file': policy,
    'audit-log-path': audit,
    'audit-log-mode': 'blocking',
  }
}

async function until(what: string, ready: () => Promise<boolean>): Promise<void> {
  const giveUp = performance.now() + 120_000
  while (performance.now() < giveUp) {
    if (await ready()) return
    await pause(100)
  }
  throw new Error(`waited two minutes for ${what}`)
}

async function ask(
  files: Certificates,
  server: string,
  method: string,
  path: string,
  body?: object,
): Promise<number> {
  return (await send(files, server, method, path, body)).status
}

async function read(files: Certificates, server: string, path: string): Promise<string> {
  return (await send(files, server, 'GET', path)).text
}

/** Status 0 while nothing answers. */
function send(files: Certificates, server: string, method: string, path: string, body?: object) {
  return new Promise<{ status: number; text: string }>(resolve => {
    const call = request(
      `${server}${path}`,
      {
        method,
        ca: readFileSync(files.ca),
        cert: readFileSync(files.certificate('admin')),
        key: readFileSync(files.key('admin')),
        agent: false,
        headers: { 'content-type': 'application/json', 'user-agent': 'kube-bench' },
      },
      answer => {
        let text = ''
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        answer.on('end', () => {
          resolve({ status: answer.statusCode ?? 0, text })
        })
      },
    )
    call.on('error', () => {
      resolve({ status: 0, text: '' })
    })
    call.end(body && JSON.stringify(body))
  })
}

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => {
        resolve(port)
      })
    })
  })
}
