import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enterRoom } from '../e2e/kubernetes/cluster.ts'
import { openCheckout, phaseOf } from './bundle.ts'
import type { Bench, Measurement } from './measurement.ts'
import { buildPrograms } from '../lab/build-programs.ts'
import { mustRun, textOf } from './program.ts'
import { startSimulatedCluster, type Requests, type SimulatedCluster } from './simulated-cluster.ts'

/** Deployments in one release; each has `replicas` pods. */
const sizes = [250, 500, 1_000]
const replicas = 5
/** Each takes 110 pods: enough for the most, and for those of the size before that are ending still. */
const nodes = 60
const mostMiB = 300
const mostTimes = 1.2
/** How much more than its share a release four times as big may take: a start costs the same for any. */
const mostOverLinear = 1.25

interface Sized {
  size: number
  ms: number
  peakMiB: number
  requests: Requests
  /** Milliseconds by phase, as we say them. */
  phases: string
}

/** One release of many Deployments by us and by kubectl, on a simulated cluster: time, memory, watches, and how they grow. */
export const scale: Bench = {
  name: 'scale',
  async run() {
    const { kubectl } = await buildPrograms(['kubectl'])
    // The image has only to be known to a registry: no simulated pod ever pulls it.
    const room = enterRoom('bench-scale')
    const work = mkdtempSync(join(tmpdir(), 'runbook-bench-'))
    let cluster: SimulatedCluster | undefined
    try {
      cluster = await startSimulatedCluster(nodes)
      const stand = { cluster, kubectl, work, image: room.image }
      const ours: Sized[] = []
      const theirs: Sized[] = []
      for (const size of sizes) {
        ours.push(await byUs(stand, size))
        theirs.push(await byKubectl(stand, size))
      }
      return conclude(ours, theirs)
    } finally {
      cluster?.close()
      rmSync(work, { recursive: true })
      await room.leave()
    }
  },
}

interface Stand {
  cluster: SimulatedCluster
  kubectl: string
  work: string
  image: string
}

async function byUs(stand: Stand, size: number): Promise<Sized> {
  const { cluster, work, image } = stand
  const namespace = `ours-${size}`
  await run(stand, 'create', 'namespace', namespace)
  const { kubeconfig } = cluster
  const checkout = openCheckout({
    folder: join(work, namespace),
    service: 'app-0',
    kubeconfig,
    namespace,
    image,
  })
  checkout.write({ 'all.yaml': manifestsFor(size, 'e2e-probe') })
  cluster.requests()
  const step = await checkout.deploy('v1.0.0')
  if (step.code !== 0) throw new Error(`${size} Deployments were not deployed:\n${textOf(step)}`)
  const phases = ['rehearse', 'apply', 'rollout'].map(phase => `${phase} ${seconds(phaseOf(step, phase))}`)
  const ms = step.endedAt - step.startedAt
  const sized = { size, ms, peakMiB: step.peakMiB, requests: cluster.requests(), phases: phases.join(', ') }
  tell('ours', sized)
  await clear(stand, namespace)
  return sized
}

async function byKubectl(stand: Stand, size: number): Promise<Sized> {
  const { cluster, work, image } = stand
  const namespace = `kubectl-${size}`
  await run(stand, 'create', 'namespace', namespace)
  const folder = join(work, namespace)
  mkdirSync(folder)
  writeFileSync(join(folder, 'all.yaml'), manifestsFor(size, image))
  cluster.requests()
  const applied = await run(stand, '-n', namespace, 'apply', '--server-side', '-f', folder)
  const status = ['rollout', 'status', 'deployment', '-l', 'bench=scale', '--timeout=600s']
  const followed = await run(stand, '-n', namespace, ...status)
  const ms = followed.endedAt - applied.startedAt
  const peakMiB = Math.max(applied.peakMiB, followed.peakMiB)
  const phases = `apply ${seconds(applied.endedAt - applied.startedAt)}, rollout status ${seconds(followed.endedAt - followed.startedAt)}`
  const sized = { size, ms, peakMiB, requests: cluster.requests(), phases }
  tell('kubectl', sized)
  await clear(stand, namespace)
  return sized
}

function run({ cluster, kubectl }: Stand, ...args: string[]) {
  return mustRun(kubectl, ['--kubeconfig', cluster.kubeconfig, ...args])
}

/** The next release meets an empty cluster, not one that is busy with taking the last one down. */
async function clear(stand: Stand, namespace: string): Promise<void> {
  await run(stand, 'delete', 'namespace', namespace, '--timeout=300s')
}

function tell(who: string, { size, ms, peakMiB, phases, requests }: Sized): void {
  const most = [...requests.counts].toSorted(([, a], [, b]) => b - a).slice(0, 8)
  console.log(`   ${who}, ${size} Deployments: ${seconds(ms)} (${phases}), ${peakMiB} MiB`)
  console.log(`     ${most.map(([what, count]) => `${count} ${what}`).join(', ')}`)
}

function conclude(ours: Sized[], theirs: Sized[]): Measurement[] {
  const [first, us, them] = [ours[0], ours.at(-1), theirs.at(-1)]
  if (!first || !us || !them) throw new Error('nothing was measured')
  const at = new Date().toISOString()
  const ratio = us.ms / them.ms
  const growth = us.ms / first.ms / (us.size / first.size)
  const watches = [...us.requests.watches]
  const mostWatches = Math.max(...watches.map(([, atOnce]) => atOnce))
  const what = `${us.size} Deployments, ${us.size * replicas} pods`
  const per = (sized: Sized) =>
    `${sized.size}: ours ${seconds(sized.ms)}, kubectl ${seconds(theirs.find(({ size }) => size === sized.size)?.ms ?? 0)}`
  return [
    {
      name: `scale: ${what}`,
      value: Math.round(ratio * 100) / 100,
      unit: "times kubectl's",
      versus: `ours ${seconds(us.ms)}, kubectl apply --server-side + rollout status ${seconds(them.ms)}`,
      aim: `at most ${mostTimes} times`,
      met: ratio <= mostTimes,
      at,
      note: `ours: ${us.phases}; kubectl: ${them.phases}; simulated by KWOK, whole process, once`,
    },
    {
      name: 'scale: memory',
      value: us.peakMiB,
      unit: 'MiB at most',
      versus: `kubectl ${them.peakMiB} MiB`,
      aim: `at most ${mostMiB} MiB`,
      met: us.peakMiB <= mostMiB,
      at,
      note: `${what}; peak of our process (VmHWM)`,
    },
    {
      name: 'scale: watches',
      value: mostWatches,
      unit: 'watch a kind at once',
      versus: `kubectl rollout status: ${begun(them)}, one after the other`,
      aim: 'one a kind',
      met: mostWatches === 1,
      at,
      note: `${what}; ${watches.map(([kind, atOnce]) => `${kind} ${atOnce}`).join(', ')}; ${begun(us)} in all, as silent ones are begun anew; from the API server's audit log`,
    },
    {
      name: 'scale: growth',
      value: Math.round(growth * 100) / 100,
      unit: `times linear, from ${first.size} to ${us.size}`,
      versus: ours.map(per).join('; '),
      aim: `at most ${mostOverLinear} times linear`,
      met: growth <= mostOverLinear,
      at,
      note: 'time of the whole step in Deployments of one release',
    },
  ]
}

function begun({ requests }: Sized): string {
  const watches = [...requests.counts].filter(([key]) => key.startsWith('watch '))
  return `${watches.reduce((sum, [, count]) => sum + count, 0)} watches`
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

function manifestsFor(size: number, image: string): string {
  return Array.from(
    { length: size },
    (_, i) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: app-${i}, labels: { bench: scale } }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: app-${i} } }
  template:
    metadata: { labels: { app: app-${i} } }
    spec:
      containers:
        - name: app
          image: ${image}
          env: [{ name: NUMBER, value: '${i}' }]
          resources: { requests: { cpu: 10m, memory: 16Mi } }
`,
  ).join('---\n')
}
