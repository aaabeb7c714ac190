import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'
import { deployment, service } from '../kubernetes/manifests.ts'
import { openStage, type Run, type Script, type Stage } from './stage.ts'

let room: Room
let stage: Stage
let url: string

const coloured = (colour: string) => ({
  'app.yaml': deployment({ container: `          env: [{ name: COLOUR, value: ${colour} }]\n` }),
  'service.yaml': service,
})
const suiteOf = (...paths: string[]) =>
  `name: ours\nload: { path: / }\nrequests:\n${paths.map(path => `  - { name: 'of ${path}', path: ${path}, expect: { status: 200 } }\n`).join('')}`
/** What the first release has, and passes. */
const first = () => ({ manifests: coloured('green'), url, suite: suiteOf('/') })
/** Adds an endpoint, its test, and a probe of it; and does not have it. */
const second = (colour: string): Script => ({
  manifests: coloured(colour),
  url,
  suite: suiteOf('/', '/added'),
  paths: ['/', '/added'],
})

beforeAll(() => {
  room = enterRoom('own-verification')
  stage = openStage(room)
  // The Service has an address before anything is behind it.
  room.kubectlApply(service)
  url = `http://${room.kubectl('get', 'service', 'probe', '-o', 'jsonpath={.spec.clusterIP}')}`
  room.kubectl('delete', 'service', 'probe')
  room.kubectlApply(service.replace('  selector', `  clusterIP: ${new URL(url).hostname}\n  selector`))
})
afterAll(async () => {
  await stage.leave()
  await room.leave()
})

async function entry(run: Run, id: string) {
  const { ledger } = await (await run.ports.openTarget()).read()
  return ledger.entries.find(each => each.id === id)
}

function expectHealthy(outcome: Outcome) {
  expect(outcome.outputs).toMatchObject({ 'restored-release-id': 'r1', verdict: 'healthy' })
  expect(outcome.serving).toBe('v1.0.0')
}

const verification = ({ evidence }: Outcome) =>
  evidence.find(({ subject }) => subject === 'verification')?.finding

test('a release that passes its gate and suite has them recorded', async () => {
  const run = stage.run(first())
  expect(await run.deployGated('v1.0.0')).toMatchObject({ status: 'success' })
  expect(await entry(run, 'r1')).toMatchObject({
    ...{ state: 'good', gate: 'pass', smoke: 'pass' },
    verification: expect.stringMatching(/^[0-9a-f]{64}$/),
    warmUpMs: expect.any(Number),
  })
})

test('the next one fails its own additions; the first is restored and healthy', async () => {
  const outcome = await stage.run(second('blue')).deployGated('v1.1.0')
  expect(outcome).toMatchObject({ status: 'failure', reason: 'gate-failed' })
  expectHealthy(outcome)
})

test('so it is in a job of separate steps, whose smoke test fails', async () => {
  const run = stage.run({ ...second('red'), paths: ['/'] })
  await run.deploy('v1.2.0')
  expect(await run.gate()).toMatchObject({ status: 'success' })
  expect(await run.smoke()).toMatchObject({ reason: 'smoke-failed' })
  const outcome = await run.rollback({ to: 'last-good' })
  expectHealthy(outcome)
  expect(verification(outcome)).toBe(
    `v1.0.0 (r1) is judged by its own verification: / of ${url}, and 1 requests of ours`,
  )
})

test('and when its run was killed, and recovered with the checkout of the failed version', async () => {
  const killed = stage.run({ ...second('black'), id: 'killed' })
  await killed.deploy('v1.3.0')
  const outcome = await stage.run({ ...second('black'), id: 'killed' }).rollback({ settle: 'true' })
  expectHealthy(outcome)
})

test('a release whose run was killed after its gate is closed by its own verification', async () => {
  const killed = stage.run({ ...first(), manifests: coloured('white'), id: 'passed' })
  await killed.deploy('v1.4.0')
  expect(await killed.gate()).toMatchObject({ status: 'success' })
  const outcome = await stage.run({ ...second('white'), id: 'passed' }).rollback({ settle: 'true' })
  expect(outcome).toMatchObject({ status: 'success', reason: 'settled-good', serving: 'v1.4.0' })
})

test('a rollback that is asked for from another checkout is judged by the release that it goes back to', async () => {
  const outcome = await stage.run(second('grey')).rollback({ to: 'v1.0.0' })
  expect(outcome).toMatchObject({ status: 'success', reason: 'restored' })
  expectHealthy(outcome)
})
