import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'
import { deployment, service } from '../kubernetes/manifests.ts'
import { openStage, type Stage } from '../rollback/stage.ts'

let room: Room
let stage: Stage

beforeAll(() => {
  room = enterRoom('replaced')
  stage = openStage(room)
})
afterAll(async () => {
  await stage.leave()
  await room.leave()
})

/** Goes on answering for some seconds after SIGTERM, as a service does that drains its connections. */
const drains = (colour: string) => ({
  'app.yaml': deployment({
    container: `          env: [{ name: COLOUR, value: ${colour} }]
          lifecycle: { preStop: { exec: { command: [sleep, '6'] } } }
`,
  }).replace('terminationGracePeriodSeconds: 0', 'terminationGracePeriodSeconds: 20'),
  'service.yaml': service,
})

test('a gate, and the check of a rollback, begin when pods in preStop no longer receive traffic', async () => {
  await stage.run({ manifests: drains('green') }).release('v1.0.0')
  const url = `http://${room.kubectl('get', 'service', 'probe', '-o', 'jsonpath={.spec.clusterIP}')}`
  const run = stage.run({ manifests: drains('blue'), url })
  expect(await run.deploy('v1.1.0')).toMatchObject({ status: 'success' })
  const gated = await run.gate()
  expect(gated).toMatchObject({ status: 'success' })
  const waits = /^Waiting until pod probe-\S+ no longer receives traffic, for 25\.0 s at most\.$/
  const order = (logged: string[]) =>
    logged.flatMap(line => (waits.test(line) ? ['waits'] : line.startsWith('Probing ') ? ['probes'] : []))
  expect(order(run.logged)).toEqual(['waits', 'probes'])
  expect(gated.evidence.find(({ subject }) => subject === 'workload')?.finding).toContain(
    '1 instances, 0 restarts',
  )

  run.logged.length = 0
  expect(await run.rollback({ to: 'last-good' })).toMatchObject({ reason: 'restored', serving: 'v1.0.0' })
  expect(order(run.logged)).toEqual(['waits', 'probes'])
})
