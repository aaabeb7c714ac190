import { expect, test } from '@jest/globals'
import { emptyLedger, intend, type Ledger } from '../../../shared/release/ledger.ts'
import type { Lease } from '../../../shared/release/lease.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { settle, settleFields } from '../../../shared/commands/recover/settle.ts'
import { settleInterrupted } from '../../../shared/commands/recover/settle-interrupted.ts'
import type { Target } from '../../../shared/targets/target.ts'
import { environmentAt, realPorts } from '../../e2e/gate/ports.ts'
import { intent, three } from '../release/releases.ts'

const working: Lease = {
  holder: { run: '2', attempt: 1, job: 'promote', title: 'run 2', url: '' },
  epoch: 4,
  deadline: Date.now() + 3_600_000,
  handedOver: false,
}
const hold = { by: 'ada', because: 'moving', since: '2026-01-01T00:00:00.000Z' }

function settled(ledger: Ledger, release: string, held: Lease | null = working) {
  const inputs = parseInputs(settleFields, read)
  return settle(environmentAt('', { name: 'production' }), inputs, portsOf(ledger, release, held))
}

const read = (name: string) => (name === 'environment' ? 'production' : '')

function portsOf(ledger: Ledger, release: string, held: Lease | null) {
  const target: Partial<Target> = {
    place: 'container api on ssh://other.example.com',
    strays: () => Promise.resolve([]),
    read: () => Promise.resolve({ ledger, lease: ledger.hold ? null : held }),
    live: () => Promise.resolve({ release: 'r4', version: 'v1.3.0', image: 'api', ready: false }),
    receivers: () => Promise.resolve([{ release, version: '', image: 'api', instances: 1, since: '' }]),
  }
  return realPorts({ openTarget: () => Promise.resolve(target as Target) })
}

test.each([
  ['r3', 'v1.2.0'],
  // The release of the other run receives traffic already, and may be taken back yet.
  ['r4', 'v1.3.0'],
])(
  'a run that has to wait reports what is live, and not what should be: of %s it is %s',
  async (release, serving) => {
    const { ledger } = intend(three, intent('v1.3.0', { run: '2' }))
    expect(await settled(ledger, release)).toMatchObject({ serving, status: 'skipped', reason: 'lease-held' })
    expect(await settled({ ...ledger, hold }, release)).toMatchObject({
      ...{ serving, status: 'skipped', reason: 'held' },
    })
  },
)

test('what the target shows counts where nothing is unfinished: another release than the ledger says is named first', async () => {
  const idle = { ...three }
  const found = await settled(idle, 'r2')
  expect(found).toMatchObject({ reason: 'nothing-to-settle', serving: 'v1.1.0' })
  expect(found.evidence[0]).toMatchObject({
    subject: 'live',
    finding: 'v1.1.0 (r2) receives traffic, and the last good release, v1.2.0 (r3), does not',
  })
})

test('a run that waits for a lock reports how it is taken away, and when that is safe', async () => {
  const { ledger } = intend(three, intent('v1.3.0', { run: '2' }))
  const { next } = await settled(ledger, 'r3')
  expect(next).toMatch(
    /dead or stuck.* safe.*runbook rollback production --unlock.*runbook unlock production/,
  )
})

test('a place without a release history is no place where all is in order: it is named, with what leads there', async () => {
  const nowhere = await settled(emptyLedger('api', 'production'), 'r1', null)
  expect(nowhere).toMatchObject({
    status: 'failure',
    reason: 'history-missing',
    summary: expect.stringContaining('no release history in container api on ssh://other.example.com'),
    next: expect.stringMatching(/correct DOCKER_HOST, KUBECONFIG or the target/),
  })
  // Another run has acquired the lock for the first release: it has not recorded anything yet.
  expect(await settled(emptyLedger('api', 'production'), 'r1')).toMatchObject({ reason: 'nothing-to-settle' })
})

test('a promotion that was ended before its first release was recorded has nothing to undo', async () => {
  const ports = portsOf(emptyLedger('api', 'production'), 'r1', null)
  const outcome = await settleInterrupted(environmentAt('', { name: 'production' }), read, 'killed', ports)
  expect(outcome).toMatchObject({ status: 'success', reason: 'nothing-to-settle' })
})
