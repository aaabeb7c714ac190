import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { enterRoom, type Room } from './cluster.ts'
import { deployment, service } from './manifests.ts'
import { run, takeFree, bringBack, recordGood, release } from '../environment-lock.ts'

let room: Room
beforeAll(() => {
  room = enterRoom('stop')
})
afterAll(() => room.leave())

const pods = () => room.kubectl('get', 'pods', '-o', 'jsonpath={.items[*].metadata.name}')
const scaler = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: probe }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: probe }
  minReplicas: 2
  maxReplicas: 3
  metrics: [{ type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 80 } } }]
`
const tick = `apiVersion: batch/v1
kind: CronJob
metadata: { name: tick }
spec:
  schedule: "0 0 1 1 *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          terminationGracePeriodSeconds: 0
          containers: [{ name: tick, image: e2e-probe, command: [sleep, "1000"] }]
`

const database = deployment({ name: 'postgres', container: '          ports: [{ containerPort: 5432 }]\n' })

test('everything of a release is stopped until it is restored, with the replicas that an autoscaler had given it', async () => {
  const app = deployment().replace(/ {2}replicas: 1\n/, '')
  const opened = await room.open({
    'app.yaml': app,
    'rest.yaml': [service, scaler, tick, database].join('---\n'),
  })
  const lock = await takeFree(opened.target, run('1'))
  const { id } = await release(opened.target, lock, 'v1.0.0', room.image)
  await recordGood(lock, id)
  room.kubectl('create', 'job', 'tick-now', '--from=cronjob/tick')
  room.kubectl('scale', 'deployment/probe', '--replicas=3')
  room.kubectl('wait', '--for=jsonpath={.status.readyReplicas}=3', 'deployment/probe', '--timeout=30s')

  const { signal } = new AbortController()
  const stopped = await lock.stop({ timeoutMs: 30_000, signal, onProgress: () => undefined })

  expect(pods()).toMatch(/^postgres-\S+$/)
  expect(stopped.map(({ object, action }) => `${action} ${object}`).sort()).toEqual([
    `delete Job ${room.namespace}/tick-now`,
    `update CronJob ${room.namespace}/tick`,
    `update Deployment ${room.namespace}/probe`,
  ])
  // Done again, by the next run, it forgets nothing.
  await lock.stop({ timeoutMs: 30_000, signal, onProgress: () => undefined })
  await bringBack(opened.target, lock, id, id)
  await lock.end()
  expect(room.kubectl('get', 'deployment/probe', '-o', 'jsonpath={.status.readyReplicas}')).toBe('3')
  expect(room.kubectl('get', 'deployment/probe', '-o', 'jsonpath={.metadata.annotations}')).not.toContain(
    'stopped',
  )
  expect(room.kubectl('get', 'cronjob/tick', '-o', 'jsonpath={.spec.suspend}')).not.toBe('true')
  expect(await opened.target.drift()).toEqual([])
})
