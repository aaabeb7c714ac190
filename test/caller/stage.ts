import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import type { Lab } from '../lab/lab.ts'
import { createBucket, deleteNamespace, kubectl } from '../lab/tenancy.ts'
import { networks } from '../lab/places.ts'
import type { Places, Service } from './service.ts'

const execute = promisify(execFile)

/** What tells one stage from another on the same lab. */
export interface StageNames {
  /** Of the namespace, the databases, and what is before the backups' names. */
  name: string
  /** 2 to 250: makes the addresses of the two environments. */
  number: number
}

/** Room for one service in the lab: empty databases, a bucket, nothing deployed. */
export interface Stage {
  lab: Lab
  places: Places
  /** The secrets of the caller's repository, once the service is there. */
  secrets(service: Service): Promise<Record<string, string>>
  /** Takes down what was deployed, and waits until it is gone. */
  clear(): Promise<void>
  /** Takes down what was deployed, and leaves the cluster to finish that by itself. */
  leave(): Promise<void>
}

/** Makes room, and removes what an earlier stage of that name left. */
export async function makeStage(lab: Lab, { name, number }: StageNames): Promise<Stage> {
  const places: Places = {
    namespace: name,
    ...(await findAddress(lab, number)),
    container: `${name}-staging`,
    stagingPort: 31_000 + number,
    productionRedis: `redis://${lab.hostIp}:${lab.redis.port}/2`,
    backups: `s3://runbook-backups/${name}`,
  }
  const clear = async () => {
    await Promise.all([deleteNamespace(lab, name), clearContainers(lab, places.container)])
  }
  const leave = async () => {
    const gone = ['delete', 'namespace', name, '--ignore-not-found', '--wait=false']
    await Promise.all([kubectl(lab, ...gone), clearContainers(lab, places.container)])
  }
  await clear()
  await makeBucket(lab, 'runbook-backups')
  const databases = {
    staging: await makeDatabase(lab, `${name}-staging`),
    production: await makeDatabase(lab, `${name}-production`),
  }
  return { lab, places, clear, leave, secrets: service => makeSecrets(lab, places, databases, service) }
}

/**
 * Where this machine reaches a Service. In the lab's own cluster at its address, which kube-proxy never loses; a cluster
 * of the user's has addresses that only its nodes know, and there a port of a node has to do.
 */
async function findAddress(lab: Lab, number: number): Promise<Pick<Places, 'productionUrl' | 'exposure'>> {
  const first = await kubectl(lab, 'get', 'service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}')
  const ours = networks.services.replace(/0\/\d+$/, '')
  if (first === `${ours}1`) {
    const clusterIP = `${ours}${number}`
    return { productionUrl: `http://${clusterIP}`, exposure: { clusterIP } }
  }
  const internal = 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}'
  const node = await kubectl(lab, 'get', 'nodes', '-o', internal)
  const nodePort = 30_000 + number
  return { productionUrl: `http://${node}:${nodePort}`, exposure: { nodePort } }
}

async function makeSecrets(
  lab: Lab,
  places: Places,
  databases: { staging: string; production: string },
  service: Service,
): Promise<Record<string, string>> {
  const redis = `redis://:${lab.redis.password}@${lab.hostIp}:${lab.redis.port}/1`
  const staging = { NODE_ENV: 'staging', PORT: '3000', DATABASE_URL: databases.staging, REDIS_URL: redis }
  const production = {
    DATABASE_URL: databases.production,
    JWT_SECRET: randomBytes(48).toString('hex'),
    REDIS_PASSWORD: lab.redis.password,
    EMAIL_API_KEY: `SG.${randomBytes(16).toString('hex')}`,
    AWS_ACCESS_KEY_ID: lab.s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: lab.s3.secretAccessKey,
    AWS_REGION: lab.s3.region,
    AWS_ENDPOINT_URL_S3: lab.s3.endpoint,
  }
  return {
    STAGING_ENV_FILE: envFile(staging),
    PRODUCTION_ENV_FILE: envFile(production),
    PRODUCTION_KUBECONFIG: await makeDeployer(lab, places.namespace, service),
  }
}

function envFile(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')
}

/** The least rights that a release needs, as the repository describes them, and a kubeconfig that has no others. */
async function makeDeployer(lab: Lab, namespace: string, { folder }: Service): Promise<string> {
  const access = join(folder, 'deployment/k8s/access')
  await kubectl(lab, 'apply', '-f', join(access, 'namespace.yaml'))
  await kubectl(lab, 'apply', '-f', access)
  const token = await kubectl(lab, 'create', 'token', 'runbook-deployer', '-n', namespace, '--duration=2h')
  const view = await kubectl(lab, 'config', 'view', '--raw', '--minify', '--flatten', '--output=json')
  const { clusters } = JSON.parse(view) as { clusters: { name: string }[] }
  const cluster = clusters[0]?.name
  const context = { name: 'deployer', context: { cluster, user: 'deployer', namespace } }
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters,
    users: [{ name: 'deployer', user: { token: token.trim() } }],
    contexts: [context],
    'current-context': 'deployer',
  })
}

async function clearContainers(lab: Lab, prefix: string): Promise<void> {
  const docker = (...args: string[]) => execute('docker', ['--host', lab.docker.host, ...args])
  const { stdout } = await docker('ps', '--all', '--quiet', '--filter', `name=^/${prefix}`)
  const ids = stdout.split('\n').filter(id => id !== '')
  if (ids.length > 0) await docker('rm', '--force', '--volumes', ...ids)
  // The ledger outlives its containers: in the next run, the versions of this one would be older.
  const { stdout: named } = await docker('volume', 'ls', '--quiet', '--filter', `name=^${prefix}`)
  const volumes = named.split('\n').filter(name => name !== '')
  if (volumes.length > 0) await docker('volume', 'rm', ...volumes)
}

async function makeBucket(lab: Lab, bucket: string): Promise<void> {
  try {
    await createBucket(lab, bucket)
  } catch (error) {
    const there = ['BucketAlreadyOwnedByYou', 'BucketAlreadyExists']
    if (!(error instanceof Error && there.includes(error.name))) throw error
  }
}

/**
 * An empty database, and a role that owns it and may do nothing else.
 * @returns its URL, as pods and containers reach it
 */
async function makeDatabase({ postgres, hostIp }: Lab, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: postgres.url })
  const password = randomBytes(12).toString('hex')
  await client.connect()
  try {
    await client.query(`drop database if exists "${name}" with (force)`)
    await client.query(`drop role if exists "${name}"`)
    await client.query(`create role "${name}" login password '${password}'`)
    await client.query(`create database "${name}" owner "${name}"`)
  } finally {
    await client.end()
  }
  return `postgres://${name}:${password}@${hostIp}:${postgres.port}/${name}`
}
