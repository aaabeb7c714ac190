import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { unsettled } from '../../../shared/release/ledger.ts'
import { status } from '../../../shared/commands/inspect/status.ts'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'
import { deployment } from '../kubernetes/manifests.ts'
import { openStage, type Run, type Stage } from './stage.ts'

// An operator deletes what this suite remembers: the Lease with the ledger, or the Secrets with the records of releases.

let room: Room
let stage: Stage
let rooms = 0
beforeEach(async () => {
  room = enterRoom(`lost-${(rooms += 1)}`)
  stage = openStage(room)
  await run('green').release('v1.0.0')
})
afterEach(async () => {
  await stage.leave()
  await room.leave()
})

const run = (colour: string) =>
  stage.run({
    manifests: {
      'app.yaml': deployment({ container: `          env: [{ name: COLOUR, value: ${colour} }]\n` }),
    },
  })
const colour = () => room.kubectl('get', 'deployment', 'probe', '-o', 'jsonpath={..env[0].value}')
const forgetLedger = () => room.kubectl('delete', 'lease', 'runbook-probe')
const forgetRecords = () => room.kubectl('delete', 'secret', '-l', 'runbook/service=probe,runbook/release')
const told = ({ environment, ports }: Run) =>
  status(environment, { environment: 'production', config: '', kubeconfig: '' }, ports)

test('without its ledger, an environment is known by its records: also what was unfinished', async () => {
  forgetLedger()
  const looking = run('green')
  expect((await told(looking)).summary).toMatch(/^v1\.0\.0 \(r1\) is live/)
  expect(looking.logged.join()).toContain('is rebuilt from the records of 1 releases')

  const releasing = run('blue')
  expect(await releasing.deploy('v1.1.0')).toMatchObject({ status: 'success' })
  forgetLedger()
  const undone = await releasing.rollback({ to: 'last-good' })
  expect(undone).toMatchObject({ reason: 'restored-unverified', serving: 'v1.0.0' })
  expect(colour()).toBe('green')

  const again = run('red')
  const deployed = await again.deploy('v1.2.0')
  forgetLedger()
  expect(await again.finish(deployed)).toMatchObject({ reason: 'settled-good', serving: 'v1.2.0' })
  const { ledger, lease } = await (await again.ports.openTarget()).read()
  expect(ledger.entries.map(({ version, state }) => `${version} ${state}`)).toEqual([
    'v1.0.0 good',
    'v1.1.0 bad',
    'v1.2.0 good',
  ])
  expect([unsettled(ledger), lease]).toEqual([undefined, null])
})

test('a release that neither ledger nor records know is no reason to be calm', async () => {
  const releasing = run('blue')
  await releasing.deploy('v1.1.0')
  forgetLedger()
  forgetRecords()
  const undone = await releasing.rollback({ to: 'last-good' })
  expect(undone).toMatchObject({ status: 'failure', reason: 'ledger-lost' })
  expect(undone.summary).toContain('v1.1.0 (r2) runs, and the ledger does not know it')
})

test('without the record of what serves nothing else is deployed, and deploying that version again fixes it', async () => {
  const releasing = run('blue')
  await releasing.deploy('v1.1.0')
  forgetRecords()
  expect(await releasing.rollback({ to: 'last-good' })).toMatchObject({ reason: 'rollback-failed' })
  const refused = await run('red').deploy('v1.2.0')
  expect(refused).toMatchObject({ status: 'failure', reason: 'record-lost' })
  expect(refused.next).toBe('Deploy v1.0.0 once more from its tag, which records it anew; then this one.')
  expect(await run('green').release('v1.0.0')).toBe('r3')
  expect(await run('red').release('v1.2.0')).toBe('r4')
  expect(await run('red').rollback()).toMatchObject({ serving: 'v1.0.0' })
  expect(colour()).toBe('green')
})
