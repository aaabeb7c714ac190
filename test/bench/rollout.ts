import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enterRoom, type Room } from '../e2e/kubernetes/cluster.ts'
import { median, type Bench, type Measurement } from './measurement.ts'

const tree = join(import.meta.dirname, '../../build/tree')
const rounds = 7

/**
 * A deploy and a rollback of the same small service by us and by kubectl, each in a namespace of its own, in turn. Ours
 * does more in that time (rehearses, records, takes and hands over the lease); kubectl only applies and waits.
 */
export const rollout: Bench = {
  name: 'rollout',
  async run() {
    const [ours, theirs] = [enterRoom('bench-ours'), enterRoom('bench-kubectl')]
    const work = mkdtempSync(join(tmpdir(), 'runbook-bench-'))
    try {
      const { deploys, rollbacks } = alternate(work, ours, theirs)
      return [
        compareDeploys(deploys.ours, deploys.kubectl),
        compareRollbacks(rollbacks.ours, rollbacks.kubectl),
      ]
    } finally {
      rmSync(work, { recursive: true })
      await Promise.all([ours.leave(), theirs.leave()])
    }
  },
}

function alternate(work: string, ours: Room, theirs: Room) {
  const deploys = { ours: [] as number[], kubectl: [] as number[] }
  const rollbacks = { ours: [] as number[], kubectl: [] as number[] }
  const we = prepareOurs(work, ours)
  // The first release has nothing to replace: it is not counted.
  for (let round = 0; round <= rounds; round++) {
    const version = `v1.0.${round}`
    const deploy = { ours: we.deploy(version), kubectl: applyAndWait(work, theirs, version) }
    if (round === 0) continue
    deploys.ours.push(deploy.ours)
    deploys.kubectl.push(deploy.kubectl)
    rollbacks.ours.push(we.rollback())
    rollbacks.kubectl.push(undoAndWait(theirs))
  }
  return { deploys, rollbacks }
}

function compareDeploys(ours: number[], theirs: number[]): Measurement {
  const ratio = median(ours) / median(theirs)
  return {
    name: 'deploy',
    value: Math.round(ratio * 100) / 100,
    unit: "times kubectl's",
    versus: `ours ${seconds(ours)}, kubectl apply + rollout status ${seconds(theirs)}`,
    aim: 'at most 1.2 times',
    met: ratio <= 1.2,
    at: new Date().toISOString(),
    note: `median of ${ours.length}, whole process`,
  }
}

function compareRollbacks(ours: number[], theirs: number[]): Measurement {
  const more = median(ours) - median(theirs)
  return {
    name: 'rollback',
    value: Math.round(more),
    unit: "ms over kubectl's",
    versus: `ours ${seconds(ours)}, kubectl rollout undo + status ${seconds(theirs)}`,
    aim: 'at most 500 ms',
    met: more <= 500,
    at: new Date().toISOString(),
    note: `median of ${ours.length}, whole process, from the request to the old release serving`,
  }
}

function prepareOurs(work: string, room: Room) {
  const folder = join(work, 'ours')
  mkdirSync(join(folder, 'k8s'), { recursive: true })
  writeFileSync(
    join(folder, 'runbook.yml'),
    `service: bench
environments:
  production:
    target: { kind: kubernetes, namespace: ${room.namespace}, manifests: k8s, workload: deployment/bench }
`,
  )
  const env = { PATH: process.env['PATH'], HOME: folder, GITHUB_WORKSPACE: folder, GITHUB_ACTIONS: 'true' }
  const inputs = {
    INPUT_ENVIRONMENT: 'production',
    INPUT_CONFIG: 'runbook.yml',
    INPUT_KUBECONFIG: room.lab.kubeconfig,
  }
  let run = 0

  const action = (name: string, file: string, more: Record<string, string>): number => {
    const from = performance.now()
    const { status, stdout } = spawnSync('node', [join(tree, name, 'dist', file)], {
      cwd: folder,
      env: { ...env, ...inputs, GITHUB_REPOSITORY: 'org/bench', GITHUB_RUN_ID: String(run), ...more },
      encoding: 'utf8',
    })
    // A rollback without a url to probe ends inconclusive: what serves is all that is measured here.
    if (status !== 0 && name !== 'rollback') throw new Error(`${name} failed:\n${stdout}`)
    return performance.now() - from
  }

  return {
    deploy(version: string): number {
      run++
      const state = join(work, 'state')
      writeFileSync(state, '')
      writeFileSync(join(folder, 'k8s/bench.yml'), manifestsFor(version, room.namespace, 'e2e-probe'))
      const took = action('deploy', 'index.js', {
        INPUT_VERSION: version,
        INPUT_IMAGE: room.image,
        GITHUB_STATE: state,
      })
      const outputs = /outputs<<(.+)\n(.*)\n\1/.exec(readFileSync(state, 'utf8'))?.[2] ?? ''
      action('deploy', 'post.js', { INPUT_VERSION: version, INPUT_IMAGE: room.image, STATE_outputs: outputs })
      return took
    },
    rollback(): number {
      run++
      return action('rollback', 'index.js', {})
    },
  }
}

function applyAndWait(work: string, room: Room, version: string): number {
  const folder = join(work, 'theirs')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'bench.yml'), manifestsFor(version, room.namespace, room.image))
  const from = performance.now()
  // Its own `rollout undo` owns fields under another name: without force the next apply is refused.
  kubectl(room, 'apply', '--server-side', '--force-conflicts', '-f', folder)
  kubectl(room, 'rollout', 'status', 'deployment/bench', '--timeout=300s')
  return performance.now() - from
}

function undoAndWait(room: Room): number {
  const from = performance.now()
  kubectl(room, 'rollout', 'undo', 'deployment/bench')
  kubectl(room, 'rollout', 'status', 'deployment/bench', '--timeout=300s')
  return performance.now() - from
}

function kubectl({ lab, namespace }: Room, ...args: string[]): void {
  execFileSync(lab.kubectl, ['--kubeconfig', lab.kubeconfig, '-n', namespace, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

function seconds(values: number[]): string {
  return `${(median(values) / 1_000).toFixed(2)} s`
}

function manifestsFor(version: string, namespace: string, image: string): string {
  return `apiVersion: v1
kind: ConfigMap
metadata: { name: bench, namespace: ${namespace} }
data: { VERSION: ${version} }
---
apiVersion: v1
kind: Service
metadata: { name: bench, namespace: ${namespace} }
spec: { selector: { app: bench }, ports: [{ port: 80, targetPort: 8080 }] }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: bench, namespace: ${namespace} }
spec: { minAvailable: 1, selector: { matchLabels: { app: bench } } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: bench, namespace: ${namespace} }
spec:
  replicas: 2
  selector: { matchLabels: { app: bench } }
  strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }
  template:
    metadata: { labels: { app: bench }, annotations: { version: ${version} } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: ${image}
          command: [/bin/busybox, httpd, -f, -p, '8080', -h, /www]
          envFrom: [{ configMapRef: { name: bench } }]
          readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }
`
}
