import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { enterRoom, type Room } from './cluster.ts'
import { deployment, scaler } from './manifests.ts'
import { run, takeFree, bringBack, recordGood, release } from '../environment-lock.ts'

// The first measurement of a pod, and the autoscaler's look at it, take their time.

let room: Room
beforeAll(() => {
  room = enterRoom('scaled')
})
afterAll(() => room.leave())

/** Serves, and is busier than the autoscaler would have it. The manifests say one replica. */
const busy = (greeting: string) => ({
  'app.yaml': deployment({
    script: 'httpd -p 3000 -h /www; while :; do :; done',
    container: [
      '          resources: { requests: { cpu: 50m }, limits: { cpu: 150m } }',
      `          env: [{ name: GREETING, value: ${greeting} }]`,
      '',
    ].join('\n'),
  }),
  'scaler.yaml': scaler,
})

const replicas = () => room.kubectl('get', 'deployment', 'probe', '-o', 'jsonpath={.spec.replicas}')

test('neither a release nor its way back takes from a service the replicas that an autoscaler gave it', async () => {
  const good = await room.open(busy('hello'))
  const first = await takeFree(good.target, run('1'))
  const { id, rollout } = await release(good.target, first, 'v1.0.0', room.image)
  expect(rollout).toMatchObject({ kind: 'ready' })
  await recordGood(first, id)
  await first.end()
  while (replicas() !== '3') await pause(500)
  expect(await good.target.usage()).toMatch(/^probe-\S+: [1-9]\d*m of CPU, \d+(\.\d+)? [KM]iB of memory/)

  const next = await room.open(busy('goodbye'))
  const second = await takeFree(next.target, run('2'))
  const changed = await release(next.target, second, 'v1.1.0', room.image)
  expect(changed.rollout).toMatchObject({ kind: 'ready' })
  expect(replicas()).toBe('3')
  // What the rollout calls ready is all three, not the one of the manifests.
  const updated = [
    'get',
    'deployment',
    'probe',
    '-o',
    'jsonpath={.status.updatedReplicas}/{.status.readyReplicas}',
  ]
  expect(room.kubectl(...updated)).toBe('3/3')

  await bringBack(next.target, second, id, changed.id)
  await second.end()
  expect(replicas()).toBe('3')
  expect(room.kubectl('get', 'deployment', 'probe', '-o', 'jsonpath={..env[0].value}')).toBe('hello')
  expect(await next.target.drift()).toEqual([])
})
