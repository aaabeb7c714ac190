import { expect, test } from '@jest/globals'
import { intend, type Ledger } from '../../../shared/release/ledger.ts'
import type { Lease } from '../../../shared/release/lease.ts'
import { parseInputs } from '../../../shared/steps/inputs.ts'
import { settle, settleFields } from '../../../shared/steps/settle.ts'
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

function settled(ledger: Ledger) {
  const target: Partial<Target> = {
    read: () => Promise.resolve({ ledger, lease: ledger.hold ? null : working }),
    live: () => Promise.resolve({ release: 'r4', version: 'v1.3.0', image: 'api', ready: false }),
  }
  const inputs = parseInputs(settleFields, name => (name === 'environment' ? 'production' : ''))
  const openTarget = () => Promise.resolve(target as Target)
  return settle(environmentAt('', { name: 'production' }), inputs, realPorts({ openTarget }))
}

test('whoever has to wait is told the last good release: that theirs was recorded, though another run works', async () => {
  const { ledger } = intend(three, intent('v1.3.0', { run: '2' }))
  const last = { serving: 'v1.2.0', status: 'skipped' }
  expect(await settled(ledger)).toMatchObject({ ...last, reason: 'lease-held' })
  expect(await settled({ ...ledger, hold })).toMatchObject({ ...last, reason: 'held' })
})
