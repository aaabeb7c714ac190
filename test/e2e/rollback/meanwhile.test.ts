import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { unsettled } from '../../../shared/release/ledger.ts'
import { status } from '../../../shared/commands/inspect/status.ts'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'
import { deployment } from '../kubernetes/manifests.ts'
import { openStage, type Run, type Stage } from './stage.ts'

// What others do while a release proves itself, and what the release itself takes away: the gate may have judged
// something else than what is left.

let room: Room
let stage: Stage
let address: string
const url = () => `http://${address}`

/** A Service with an address that it has again when it is made anew. */
const service = (app = 'probe') => `apiVersion: v1
kind: Service
metadata: { name: probe }
spec:
  clusterIP: ${address}
  selector: { app: ${app} }
  ports: [{ name: http, port: 80, targetPort: 3000 }]
`
const coloured = (colour: string) =>
  deployment({ replicas: 2, container: `          env: [{ name: COLOUR, value: ${colour} }]\n` })
const release = (colour: string) => ({ 'app.yaml': coloured(colour), 'service.yaml': service() })
const colour = () =>
  room.kubectl(
    'get',
    'pods',
    '-l',
    'app',
    '--field-selector=status.phase=Running',
    '-o',
    'jsonpath={..env[0].value}',
  )

beforeAll(async () => {
  room = enterRoom('meanwhile')
  stage = openStage(room)
  room.kubectl('create', 'service', 'clusterip', 'reserved', '--tcp=80')
  address = room.kubectl('get', 'service', 'reserved', '-o', 'jsonpath={.spec.clusterIP}')
  room.kubectl('delete', 'service', 'reserved')
  await stage.run({ manifests: release('green'), url: url() }).release('v1.0.0')
})
afterAll(async () => {
  await stage.leave()
  await room.leave()
})

/** A run up to its last step, with what an operator does before that. */
async function finishAfter(run: Run, version: string, act: () => unknown) {
  expect(await run.deploy(version)).toMatchObject({ status: 'success' })
  const gated = await run.gate()
  expect(gated).toMatchObject({ status: 'success' })
  act()
  const { ledger } = await (await run.ports.openTarget()).read()
  return run.finish({ ...gated, outputs: { 'release-id': unsettled(ledger)?.id ?? '', changed: 'true' } })
}

const atRest = async (run: Run) => {
  const { ledger, lease } = await (await run.ports.openTarget()).read()
  return [unsettled(ledger), ledger.restoring, lease]
}

describe('a release that is not what was gated any more is not recorded good', () => {
  test.each([
    [
      'rolled back by hand',
      ['rollout', 'undo', 'deployment/probe'],
      /^Deployment .* spec\.template.*kubectl/,
    ],
    ['scaled to nothing', ['scale', 'deployment/probe', '--replicas=0'], /has no replicas any more/],
    [
      'given another image',
      ['set', 'image', 'deployment/probe', 'app=busybox:none'],
      /what runs is busybox:none/,
    ],
    ['without its Service', ['delete', 'service', 'probe'], /Service .*\/probe is gone/],
  ])('%s: the last good one is back at once, and who did it is told', async (_how, words, why) => {
    const run = stage.run({ manifests: release('blue'), url: url() })
    const ended = await finishAfter(run, 'v1.1.0', () => room.kubectl(...words))
    expect(ended).toMatchObject({ status: 'failure', reason: 'not-as-released', serving: 'v1.0.0' })
    expect(ended.summary.replace(/^v1\.1\.0 \(r\d+\) is not recorded good: /, '')).toMatch(why)
    expect(ended.summary).toContain('v1.0.0 (r1) serves again')
    expect(await atRest(run)).toEqual([undefined, null, null])
    expect(colour()).toBe('green green')
    expect(await (await fetch(url())).text()).toBe('well\n')
  })
})

test('a release that is not well without what left its manifests is taken back, and what was removed is there again', async () => {
  const run = stage.run({ manifests: { 'app.yaml': coloured('blue') }, url: url() })
  const ended = await finishAfter(run, 'v1.2.0', () => undefined)
  expect(ended).toMatchObject({ status: 'failure', reason: 'gate-failed', serving: 'v1.0.0' })
  expect(ended.summary).toMatch(/does not pass its gate without Service .*\/probe, which left its manifests/)
  expect(ended.summary).toMatch(/v1\.0\.0 \(r1\) serves again .*, and is healthy\.$/)
  expect(await atRest(run)).toEqual([undefined, null, null])
  expect(await (await fetch(url())).text()).toBe('well\n')
})

test('a Service that selects only the pods of what leaves is refused before anything is touched', async () => {
  const renamed = deployment({ name: 'renamed' })
  const run = stage.run({
    manifests: { 'app.yaml': renamed, 'service.yaml': service('probe') },
    url: url(),
    workload: 'deployment/renamed',
  })
  const refused = await run.deploy('v1.3.0')
  expect(refused).toMatchObject({ status: 'failure', reason: 'input-invalid' })
  expect(refused.summary).toMatch(
    /Service .*\/probe selects app=probe, which no pod of the release bears; those of Deployment .*\/probe do/,
  )
  expect(await atRest(run)).toEqual([undefined, null, null])
})

test('a workload that is called otherwise now is known by its old name again after a rollback', async () => {
  const renamed = { 'app.yaml': deployment({ name: 'renamed' }), 'service.yaml': service('renamed') }
  const run = stage.run({ manifests: renamed, url: url(), workload: 'deployment/renamed' })
  expect(await run.deploy('v1.4.0')).toMatchObject({ status: 'success' })
  const undone = await run.rollback({ to: 'last-good' })
  expect(undone).toMatchObject({ status: 'success', reason: 'restored', serving: 'v1.0.0' })
  const told = await status(
    run.environment,
    { environment: 'production', config: '', kubeconfig: '' },
    run.ports,
  )
  expect(told.evidence.map(({ subject }) => subject)).toEqual(['v1.0.0 (r1)'])
  expect(told.summary).toContain('v1.0.0 (r1) is live')
})
