import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { unsettled } from '../../../shared/release/ledger.ts'
import { healthGate, healthGateFields } from '../../../shared/commands/verify/health-gate.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { smokeTest, smokeTestFields } from '../../../shared/commands/verify/smoke-test.ts'
import { enterYard, pushImages, type Yard } from '../docker/yard.ts'
import { run, takeFree, release } from '../environment-lock.ts'
import { environmentAt, realPorts } from './ports.ts'

let yard: Yard
beforeEach(() => {
  yard = enterYard('verdict', 23_101, pushImages())
})
afterEach(() => yard.leave())

test('verdicts are written onto the release that this run left open, and onto no other', async () => {
  const { target } = await yard.open()
  const lock = await takeFree(target, run('mine'))
  await release(target, lock, 'v1.0.0', yard.images.plain, { VERSION: 'v1.0.0' })
  await lock.handOver(60_000)
  const environment = environmentAt(`http://127.0.0.1:${yard.port}`)
  const probed = { ...environment, gate: { ...environment.gate, paths: ['/'] } }
  const portsOf = (id: string) =>
    realPorts({ run: { ...realPorts().run, id }, openTarget: () => Promise.resolve(target) })
  const read = (name: string) => (name === 'environment' ? 'staging' : '')
  const open = async () => unsettled((await target.read()).ledger)

  const other = await healthGate(probed, parseInputs(healthGateFields, read), portsOf('other'))
  expect(other.status).toBe('success')
  expect((await open())?.gate).toBeUndefined()

  const mine = await healthGate(probed, parseInputs(healthGateFields, read), portsOf('mine'))
  expect(mine.status).toBe('success')
  expect(mine.evidence.map(({ subject, tone }) => [subject, tone])).toEqual([
    ['errors', 'good'],
    ['workload', 'good'],
  ])
  expect((await open())?.gate).toBe('pass')

  // The suite asks for the guide's endpoints, which this image does not have.
  const smoke = await smokeTest(environment, parseInputs(smokeTestFields, read), portsOf('mine'))
  expect(smoke).toMatchObject({ status: 'failure', reason: 'smoke-failed' })
  expect(await open()).toMatchObject({ gate: 'pass', smoke: 'fail' })
})
