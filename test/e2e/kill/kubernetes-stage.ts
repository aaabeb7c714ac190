import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { apiServer, kubeconfigThrough } from '../../lab/upstream.ts'
import { enterRoom } from '../kubernetes/cluster.ts'
import { openFront } from './front.ts'
import {
  answerOf,
  ask,
  getJson,
  openStageTarget,
  versionOf,
  writeRunbook,
  type Look,
  type Stage,
} from './stage.ts'

interface Meta {
  name: string
  uid: string
  resourceVersion: string
  generation?: number
  labels?: Record<string, string>
  annotations?: Record<string, string>
  deletionTimestamp?: string
}
interface Item {
  metadata: Meta
  data?: Record<string, string>
  spec?: unknown
  status?: Record<string, number>
}
type Containers = { name: string; env?: { name: string; value: string }[] }[]

/** A namespace with a Service, a Deployment and ConfigMaps. */
export async function enterKubernetesStage(name: string): Promise<Stage> {
  const room = enterRoom(`kill-${name}`)
  const upstream = apiServer(room.lab.kubeconfig)
  const folder = mkdtempSync(join(tmpdir(), 'kill-kubernetes-'))
  mkdirSync(join(folder, 'k8s'))
  const list = async (path: string): Promise<Item[]> =>
    (await getJson<{ items: Item[] }>(upstream, path.replace('NS', `namespaces/${room.namespace}`))).items
  // The address is the Service's for as long as that is: known from the beginning, so that the gate has its url.
  room.kubectlApply(serviceYaml())
  const address = room.kubectl('get', 'service', 'kill', '-o', 'jsonpath={.spec.clusterIP}')
  room.kubectl('delete', 'service', 'kill')
  const front = await openFront(`http://${address}`)
  writeRunbook(
    folder,
    'kill',
    `    target: { kind: kubernetes, namespace: ${room.namespace}, manifests: k8s, workload: deployment/kill }
    url: ${front.url}
`,
  )

  function serviceYaml(clusterIp = ''): string {
    return `apiVersion: v1
kind: Service
metadata: { name: kill }
spec: { ${clusterIp ? `clusterIP: ${clusterIp}, ` : ''}selector: { app: kill }, ports: [{ port: 80, targetPort: 3000 }] }
`
  }

  const compareMaps = async (look: Look, release: string): Promise<string[]> => {
    const found = (await list('/api/v1/NS/configmaps')).filter(({ metadata }) =>
      metadata.name.startsWith('kill'),
    )
    const wanted = mapsOf(look)
    return [
      ...found
        .filter(({ metadata }) => !(metadata.name in wanted))
        .map(({ metadata }) => `ConfigMap ${metadata.name} of another release is there`),
      ...Object.entries(wanted).flatMap(([each, data]) => {
        const there = found.find(({ metadata }) => metadata.name === each)
        if (!there) return [`ConfigMap ${each} is missing`]
        const is = JSON.stringify(sorted(there.data ?? {}))
        const should = JSON.stringify(sorted(data))
        return [
          ...(is === should ? [] : [`ConfigMap ${each} has ${is}, not ${should}`]),
          ...marks(`ConfigMap ${each}`, there.metadata, release),
        ]
      }),
    ]
  }

  const compareWorkload = async (look: Look, release: string): Promise<string[]> => {
    const [deployment] = await list('/apis/apps/v1/NS/deployments')
    if (!deployment) return ['the Deployment is missing']
    const { template } = deployment.spec as { template: { spec: { containers: Containers } } }
    const is = template.spec.containers.map(({ name: each, env = [] }) => [
      each,
      env.map(({ value }) => value),
    ])
    const should = containersOf(look)
    const { updatedReplicas, readyReplicas, replicas, observedGeneration } = deployment.status ?? {}
    const rolled =
      replicas === 1 &&
      updatedReplicas === 1 &&
      readyReplicas === 1 &&
      observedGeneration === deployment.metadata.generation
    return [
      ...(JSON.stringify(is) === JSON.stringify(should)
        ? []
        : [`the Deployment has ${JSON.stringify(is)}, not ${JSON.stringify(should)}`]),
      ...(rolled ? [] : [`the Deployment is not rolled out: ${JSON.stringify(deployment.status)}`]),
      ...marks('the Deployment', deployment.metadata, release),
    ]
  }

  return {
    target: 'kubernetes',
    folder,
    upstream,
    front,
    image: room.image,
    through: door => ({ inputs: { kubeconfig: kubeconfigThrough(door.address) }, env: {} }),
    access() {
      const file = join(folder, 'kubeconfig')
      writeFileSync(file, readFileSync(room.lab.kubeconfig, 'utf8'), { mode: 0o600 })
      return { KUBECONFIG: file }
    },
    write(look) {
      writeFileSync(join(folder, 'k8s/service.yaml'), serviceYaml(address))
      writeFileSync(join(folder, 'k8s/config.yaml'), mapsYaml(look))
      writeFileSync(join(folder, 'k8s/deployment.yaml'), deploymentYaml(look))
    },
    ask: () => ask(address, 80),
    async compare(look, release) {
      const answers = await Promise.all([1, 2, 3].map(() => ask(address, 80)))
      return [
        ...answers
          .filter(text => text !== answerOf(look))
          .map(text => `answers "${text}", not "${answerOf(look)}"`),
        ...(await compareMaps(look, release)),
        ...(await compareWorkload(look, release)),
      ]
    },
    async fingerprint() {
      const paths = ['/api/v1/NS/configmaps', '/api/v1/NS/secrets', '/api/v1/NS/services']
      const plain = (await Promise.all(paths.map(list))).flat()
      // A Deployment's version grows with its status too.
      const workloads = await list('/apis/apps/v1/NS/deployments')
      return JSON.stringify([
        plain.map(({ metadata }) => [metadata.name, metadata.uid, metadata.resourceVersion]),
        workloads.map(({ metadata: { name: each, uid, generation, labels, annotations } }) => [
          [each, uid, generation],
          [labels, annotations],
        ]),
      ])
    },
    openTarget: () => openStageTarget(folder, room.lab.kubeconfig, ''),
    async leave() {
      upstream.close()
      await front.close()
      rmSync(folder, { recursive: true })
      await room.leave()
    },
  }
}

function marks(what: string, { labels }: Meta, release: string): string[] {
  const said = labels?.['runbook/release']
  return said === release ? [] : [`${what} says that it is of ${said ?? 'no release'}, not ${release}`]
}

function sorted(data: Record<string, string>): [string, string][] {
  return Object.entries(data).sort(([a], [b]) => a.localeCompare(b))
}

function parityOf({ number }: Look): string {
  return number % 2 === 0 ? 'even' : 'odd'
}

/** What each release has of its own: a key, and a ConfigMap. */
function mapsOf(look: Look): Record<string, Record<string, string>> {
  const parity = parityOf(look)
  return {
    'kill-config': { ANSWER: answerOf(look), [`ONLY_${parity.toUpperCase()}`]: 'yes' },
    [`kill-only-${parity}`]: { NUMBER: String(look.number) },
  }
}

/** Odd releases have a second container. */
function containersOf(look: Look): [string, string[]][] {
  const app: [string, string[]] = ['app', [versionOf(look)]]
  return look.number % 2 === 0 ? [app] : [app, ['side', []]]
}

function mapsYaml(look: Look): string {
  return Object.entries(mapsOf(look))
    .map(
      ([name, data]) =>
        `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: ${JSON.stringify(data)}\n`,
    )
    .join('---\n')
}

function deploymentYaml(look: Look): string {
  const serve = 'mkdir -p /tmp/w && echo "$ANSWER" > /tmp/w/index.html && exec httpd -f -p 3000 -h /tmp/w'
  const side = `        - { name: side, image: e2e-probe, command: [sleep, "100000"] }\n`
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: kill }
spec:
  replicas: 1
  selector: { matchLabels: { app: kill } }
  strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  template:
    metadata: { labels: { app: kill } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: app
          image: e2e-probe
          command: [sh, -c, ${JSON.stringify(look.ill ? 'exit 3' : serve)}]
          env: [{ name: VERSION, value: ${versionOf(look)} }]
          envFrom: [{ configMapRef: { name: kill-config } }]
          readinessProbe: { httpGet: { path: /, port: 3000 }, periodSeconds: 1 }
${look.number % 2 === 0 ? '' : side}`
}
