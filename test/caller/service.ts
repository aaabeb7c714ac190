import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { parse, stringify } from 'yaml'
import type { Runbook } from '../../shared/config/schema/schema.ts'
import { git } from './git.ts'

/** Where the service's two environments are. */
export interface Places {
  namespace: string
  productionUrl: string
  /** What the Service needs to be reached there: its own address, or a port of every node. */
  exposure: { clusterIP: string } | { nodePort: number }
  container: string
  stagingPort: number
  /** `redis://host:port/number`; the password is in the env-file. */
  productionRedis: string
  /** `s3://bucket/prefix` */
  backups: string
}

/** What makes one version different from the one before: the illness that its configuration switches on, if any. */
export interface Illness {
  /** Variables of the container in staging. */
  staging?: Record<string, string>
  /** Data of the ConfigMap in production. */
  production?: Record<string, string>
  /** The service's own integration tests fail. */
  integration?: true
}

/** A plain service repository that knows this suite only by `uses: org/runbook-actions/...@v1`. */
export interface Service {
  folder: string
  /** Where production is. */
  namespace: string
  stagingUrl: string
  productionUrl: string
  /** Its repository in the lab's registry: one for each time that the service is made, since a version is one image. */
  image: string
  /** Commits one version, and tags it. */
  release(tag: string, illness?: Illness): void
}

interface Caller {
  jobs: { release: { with: Record<string, string> } }
}

const root = join(import.meta.dirname, '../..')

/**
 * As short as a gate can be and still tell 1% of errors from 5%: a rehearsal has no time for the guide's two minutes. The
 * machine's CPU is the whole lab's, and may be full without any fault of the service, which then answers late.
 */
const rehearsedGate = { for: '8s', interval: '75ms', cpu: '100%', latency: '3s' }
/** A second of load, and not the guide's five. */
const rehearsedSmoke = { requests: 200 }

/** Makes the repository anew out of `deployment/` and the template's workflows. */
export function makeService(folder: string, places: Places): Service {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  cpSync(join(root, 'deployment'), join(folder, 'deployment'), { recursive: true, filter: isSource })
  cpSync(join(import.meta.dirname, 'template'), folder, { recursive: true })
  if (existsSync(join(root, '.dockerignore')))
    cpSync(join(root, '.dockerignore'), join(folder, '.dockerignore'))
  const image = `localhost:5000/${places.namespace}-${Date.now().toString(36)}/runbook-api`
  edit(folder, '.github/workflows/release.yml', (workflow: Caller) => {
    workflow.jobs.release.with['staging-url'] = stagingUrl(places)
    workflow.jobs.release.with['image'] = image
  })
  moveNamespace(folder, places.namespace)
  expose(folder, places.exposure)
  git(folder, 'init', '-q', '--initial-branch=main')
  return {
    folder,
    namespace: places.namespace,
    stagingUrl: stagingUrl(places),
    productionUrl: places.productionUrl,
    image,
    release(tag, illness = {}) {
      appendFileSync(join(folder, 'CHANGELOG.md'), `## ${tag}\n`)
      edit(folder, 'deployment/runbook.yml', (runbook: Runbook) => configure(runbook, places, illness))
      edit(folder, 'deployment/k8s/prod/configmap.yaml', (map: { data: Record<string, string> }) => {
        const well = Object.entries(map.data).filter(([name]) => !name.startsWith('FAULT_'))
        map.data = { ...Object.fromEntries(well), REDIS_URL: places.productionRedis, ...illness.production }
      })
      const refusing = join(folder, 'deployment/app/test/integration/refuses.test.js')
      rmSync(refusing, { force: true })
      if (illness.integration) writeFileSync(refusing, "throw new Error('refused by its own tests')\n")
      git(folder, 'add', '--all')
      git(folder, 'commit', '-q', '-m', `Release ${tag}`)
      git(folder, 'tag', tag)
    },
  }
}

function configure(runbook: Runbook, places: Places, illness: Illness): void {
  const { staging, production } = runbook.environments
  if (staging?.target.kind !== 'docker' || production?.target.kind !== 'kubernetes')
    throw new Error('deployment/runbook.yml has no docker staging and no kubernetes production')
  // On a Docker engine that others use too, service and environment are what tells containers apart.
  runbook.service = places.namespace
  production.target.secret = 'runbook-api-env'
  const well = Object.entries(staging.target.env ?? {}).filter(([name]) => !name.startsWith('FAULT_'))
  staging.target.container = places.container
  staging.target.ports = [`${places.stagingPort}:3000`]
  staging.target.env = { ...Object.fromEntries(well), ...illness.staging }
  staging.url = stagingUrl(places)
  staging.gate = { ...staging.gate, ...rehearsedGate }
  staging.smoke = { ...staging.smoke, ...rehearsedSmoke }
  production.target.namespace = places.namespace
  production.url = places.productionUrl
  production.gate = { ...production.gate, ...rehearsedGate }
  production.smoke = { ...production.smoke, ...rehearsedSmoke }
  production.backup = { ...production.backup, destination: places.backups }
  production.notify = {}
}

function stagingUrl({ stagingPort }: Places): string {
  return `http://localhost:${stagingPort}`
}

/** Neither what was installed or logged here, nor an env-file with real values. */
function isSource(path: string): boolean {
  const name = basename(path)
  if (name === 'node_modules' || name.endsWith('.log')) return false
  return !name.startsWith('.env.') || name.endsWith('.example')
}

function moveNamespace(folder: string, namespace: string): void {
  for (const part of ['access', 'prod']) {
    for (const name of readdirSync(join(folder, 'deployment/k8s', part))) {
      const file = join(folder, 'deployment/k8s', part, name)
      const text = readFileSync(file, 'utf8')
        .replaceAll('namespace: production', `namespace: ${namespace}`)
        .replaceAll('- runbook-runbook-api-', `- runbook-${namespace}-`)
        .replaceAll('[runbook-runbook-api]', `[runbook-${namespace}]`)
        .replaceAll(
          'kind: Namespace\nmetadata:\n  name: production',
          `kind: Namespace\nmetadata:\n  name: ${namespace}`,
        )
      writeFileSync(file, text)
    }
  }
}

/** A lab has no load balancer, and the address has to be known before the Service is there. */
function expose(folder: string, exposure: Places['exposure']): void {
  interface Manifest {
    spec: { type: string; clusterIP?: string; ports: { nodePort?: number }[] }
  }
  edit(folder, 'deployment/k8s/prod/service.yaml', ({ spec }: Manifest) => {
    if ('clusterIP' in exposure) spec.clusterIP = exposure.clusterIP
    else {
      spec.type = 'NodePort'
      for (const port of spec.ports) port.nodePort = exposure.nodePort
    }
  })
}

function edit(folder: string, path: string, change: (content: never) => void): void {
  const file = join(folder, path)
  const content = parse(readFileSync(file, 'utf8')) as never
  change(content)
  writeFileSync(file, stringify(content))
}
