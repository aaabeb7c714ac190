import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { database } from '../../../shared/checks/infrastructure/database.ts'
import { redis } from '../../../shared/checks/infrastructure/redis.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { systemExec } from '../../../shared/host/exec.ts'
import { connect } from '../../../shared/integrations/database/postgres.ts'
import { parsePostgresUrl } from '../../../shared/integrations/database/postgres-url.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import { hasEnded } from '../../../shared/host/process-identity.ts'
import { openTunnel } from '../../../shared/targets/kubernetes/tunnel/tunnel.ts'
import { throughTunnel } from '../../../shared/targets/tunnel.ts'
import { ask } from '../checks/context.ts'
import { environmentAt, realPorts } from '../gate/ports.ts'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'

import { noise, openScene, succeeded, type Scene } from './scene.ts'

/* The lab's PostgreSQL and Redis behind pods of the lab's cluster, under names that only the cluster would know. */

let room: Room
let scene: Scene

/** Pods that hand every connection on, and their Service, whose port leads to a port of another name. */
function forwarder(name: string, port: number, to: number, replicas = 1): string {
  const script = `exec busybox nc -ll -p 9999 -e busybox nc ${room.lab.hostIp} ${to}`
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: app
          image: ${room.image}
          command: [sh, -c, ${JSON.stringify(script)}]
          ports: [{ name: wire, containerPort: 9999 }]
---
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec:
  selector: { app: ${name} }
  ports: [{ name: wire, port: ${port}, targetPort: wire }, { name: shut, port: 1, targetPort: 1 }]
`
}

beforeAll(async () => {
  scene = await openScene()
  room = enterRoom('tunnel')
  const { postgres, redis } = room.lab
  room.kubectlApply(forwarder('postgres', 5432, postgres.port, 2))
  room.kubectlApply(forwarder('redis', 6379, redis.port))
  room.kubectlApply(
    'apiVersion: v1\nkind: Service\nmetadata: { name: outside }\nspec: { ports: [{ port: 5432 }] }\n',
  )
  for (const name of ['postgres', 'redis'])
    room.kubectl('rollout', 'status', `deployment/${name}`, '--timeout=60s')
})

afterAll(async () => {
  await room.leave()
  await scene.close()
})

function tunnel(place: string, kubeconfig = room.lab.kubeconfig) {
  const { log, signal } = realPorts()
  return openTunnel(
    'tunnel',
    place,
    { namespace: room.namespace, context: undefined },
    {
      ...{ clock: systemClock, exec: systemExec, log, secrets: createSecrets(), env: {}, kubeconfig, signal },
      hasEnded,
    },
  )
}

/** The scene's database, at a name that this machine cannot resolve. */
function privateUrl(): string {
  const url = new URL(scene.url)
  url.hostname = 'postgres.internal.invalid'
  url.port = '5432'
  return url.href
}

const alive = () => new AbortController().signal

test('a database that only the cluster reaches is backed up, restored, and checked like Redis beside it', async () => {
  await scene.sql(noise(300))
  const [ports, inputs] = [
    { openTunnel: tunnel },
    { 'database-url': privateUrl(), tunnel: 'service/postgres:5432' },
  ]
  const backup = succeeded(await scene.backUp(inputs, ports))
  expect(backup.outputs).toMatchObject({ verified: 'true', tables: '1' })
  expect(backup.summary).toContain('postgres.internal.invalid:5432')
  const restored = succeeded(await scene.restore({ ...inputs, into: `${scene.database}-new` }, ports))
  expect(restored.outputs).toMatchObject({ rows: '300' })

  const environment = environmentAt('', {
    envFile: '.env',
    tunnels: { database: 'service/postgres:5432', redis: 'service/redis:6379' },
  })
  const said = { environment, openTunnel: tunnel }
  const { password } = room.lab.redis
  expect(await ask(database, { DATABASE_URL: privateUrl() }, said)).toMatchObject({ result: 'pass' })
  const url = 'redis://redis.internal.invalid'
  expect(await ask(redis, { REDIS_URL: url, REDIS_PASSWORD: password }, said)).toMatchObject({
    result: 'pass',
    finding: expect.stringContaining('redis.internal.invalid:6379'),
  })
})

test('many connections at once come through whole, and those after the end of a pod through another one', async () => {
  const way = await tunnel('service/postgres:5432')
  const server = { ...parsePostgresUrl('url', privateUrl(), {}), via: way }
  const ask = async (size: number) => {
    const session = await connect(server, { signal: alive() })
    const [row] = await session.rows<{ text: string }>(`SELECT repeat('x', ${size}) AS text`)
    await session.close()
    return row?.text.length
  }
  try {
    const sizes = Array.from({ length: 40 }, (_, index) => 1 + index * 50_000)
    expect(await Promise.all(sizes.map(ask))).toEqual(sizes)

    const held = await connect(server, { signal: alive() })
    const broken = held.rows('SELECT pg_sleep(60)')
    broken.catch(() => undefined)
    // The oldest is the one that connections go to; by its name where two are as old.
    const [first = ''] = room
      .kubectl(
        'get',
        'pods',
        '-l',
        'app=postgres',
        '-o',
        'jsonpath={range .items[*]}{.metadata.creationTimestamp} {.metadata.name}{"\\n"}{end}',
      )
      .trim()
      .split('\n')
      .sort()
    const pod = first.split(' ')[1] ?? ''
    room.kubectl('delete', 'pod', pod, '--wait=true')
    await expect(broken).rejects.toThrow(/terminated unexpectedly/)
    expect((await way.trouble())?.what).toBe(`pod ${pod} is gone`)
    await held.close()
    expect(await ask(1_000_000)).toBe(1_000_000)
  } finally {
    await way.close()
  }
})

test.each([
  ['pod/nothing:5432', 'there is no pod nothing', 'kubectl get pods'],
  ['service/nothing:5432', 'there is no Service nothing', 'NAMESPACE/service/nothing:5432'],
  ['service/postgres:5433', 'has no port 5433', '5432, 1'],
  ['service/outside:5432', 'selects no pods', 'socat'],
  ['default/service/nothing:5432', 'there is no Service nothing in default', 'kubectl get services'],
  ['deployment/postgres:5432', 'tunnel is "deployment/postgres:5432"', 'service/NAME:PORT'],
])('%s is refused before anything else', async (place, message, hint) => {
  await expect(tunnel(place)).rejects.toMatchObject({
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  })
})

test('a port where nothing listens is said by the step, not as a connection that just closed', async () => {
  const outcome = await scene.backUp(
    { 'database-url': privateUrl(), tunnel: 'service/postgres:1' },
    { openTunnel: tunnel },
  )
  expect(outcome).toMatchObject({ status: 'failure', reason: 'backup-failed' })
  expect(outcome.summary).toMatch(/the tunnel to service\/postgres:1 broke: .*connection refused/)
  expect(outcome.next).toContain('Nothing listens on that port')
})

test('an account that may not forward ports is told the right that it lacks', async () => {
  room.kubectl('create', 'serviceaccount', 'looker')
  room.kubectl('create', 'role', 'looker', '--verb=get,list', '--resource=pods,services')
  room.kubectl(
    'create',
    'rolebinding',
    'looker',
    '--role=looker',
    `--serviceaccount=${room.namespace}:looker`,
  )
  const token = room.kubectl('create', 'token', 'looker').trim()
  const view = ['config', 'view', '--raw', '--flatten', '--minify', '-o', 'json']
  const kubeconfig = JSON.parse(room.kubectl(...view)) as { users: { user: object }[] }
  for (const each of kubeconfig.users) each.user = { token }
  const work = throughTunnel(
    place => tunnel(place, JSON.stringify(kubeconfig)),
    'service/postgres:5432',
    async via => {
      const session = await connect(
        { ...parsePostgresUrl('url', privateUrl(), {}), via },
        { signal: alive() },
      )
      await session.close()
    },
  )
  await expect(work).rejects.toMatchObject({
    message: expect.stringMatching(/broke: .*cannot (get|create) resource "pods\/portforward"/),
    hint: expect.stringMatching(/Add the verb (get|create) on pods\/portforward/),
  })
})
