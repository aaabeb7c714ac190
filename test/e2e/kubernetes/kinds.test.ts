import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { enterRoom, type Room } from './cluster.ts'
import { deployment } from './manifests.ts'
import { run, takeFree, bringBack, recordGood, release } from '../environment-lock.ts'

let room: Room
beforeAll(() => {
  room = enterRoom('kinds')
})
afterAll(() => room.leave())

const pods = (name: string, command: string) => `
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: app
          image: e2e-probe
          command: ${command}
          readinessProbe: { httpGet: { path: /, port: 3000 }, periodSeconds: 1 }
`
const serve = '[httpd, -f, -p, "3000", -h, /www]'

/** A StatefulSet of two, a DaemonSet and a Job beside the Deployment that serves. */
const shop = (command: string): Record<string, string> => ({
  'app.yaml': deployment(),
  'set.yaml': `apiVersion: apps/v1
kind: StatefulSet
metadata: { name: ordered }
spec:
  replicas: 2
  serviceName: ordered
  selector: { matchLabels: { app: ordered } }${pods('ordered', command)}`,
  'agent.yaml': `apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }${pods('agent', serve)}`,
  'job.yaml': `apiVersion: batch/v1
kind: Job
metadata: { name: once }
spec:
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 0
      containers: [{ name: app, image: e2e-probe, command: [sh, -c, echo done] }]
`,
})

test('all kinds of workload are waited for together; a StatefulSet that got stuck is brought back whole', async () => {
  const { target } = await room.open(shop(serve))
  const lock = await takeFree(target, run('1'))
  const first = await release(target, lock, 'v1.0.0', room.image)
  expect(first.rollout).toMatchObject({ kind: 'ready' })
  expect(first.progress.at(-1)).toContain('is ready')
  const ready = (kind: string, name: string, path: string) =>
    room.kubectl('get', kind, name, '-o', `jsonpath={.status.${path}}`)
  expect(ready('statefulset', 'ordered', 'readyReplicas')).toBe('2')
  expect(ready('daemonset', 'agent', 'numberReady')).toBe('1')
  expect(ready('job', 'once-r1', 'succeeded')).toBe('1')
  await recordGood(lock, first.id)

  const broken = await room.open(shop('[/bin/no-such-program]'))
  const second = await release(broken.target, lock, 'v1.0.1', room.image)
  expect(second.rollout).toMatchObject({ kind: 'doomed', cause: { class: 'cannot-run' } })
  expect(JSON.stringify(second.rollout)).toContain('pod ordered-1')

  await bringBack(target, lock, first.id, second.id)
  expect(ready('statefulset', 'ordered', 'readyReplicas')).toBe('2')
  await lock.end()
})
