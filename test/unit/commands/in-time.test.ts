import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { DeadlineError } from '../../../shared/outcome/errors.ts'
import { inTime } from '../../../shared/commands/step/in-time.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { smokeTest, smokeTestFields } from '../../../shared/commands/verify/smoke-test.ts'
import { environmentAt, realPorts } from '../../e2e/gate/ports.ts'
import { openStage, type Stage } from '../smoke/stage.ts'

let stage: Stage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage.close())

test('a smoke test ends with its timeout, whatever runs it', async () => {
  stage.handle = () => undefined
  const read = (key: string) => ({ environment: 'staging', timeout: '200ms', requests: '0' })[key] ?? ''
  const outcome = await smokeTest(environmentAt(stage.url), parseInputs(smokeTestFields, read), realPorts())
  expect(outcome).toMatchObject({ status: 'failure', reason: 'deadline' })
  expect(outcome.summary).toBe('The step did not end within 200 ms.')
})

test('work that ends in time ends as it does, and a month is not over at once', async () => {
  const month = 31 * 86_400_000
  expect(await inTime(realPorts(), month, ({ signal }) => later(() => signal.aborted))).toBe(false)
})

test('work is told why it is ended, and also when its own run is', async () => {
  const waiting = (ms: number, signal = new AbortController().signal) =>
    inTime(realPorts({ signal }), ms, ports => ports.clock.sleep(60_000, ports.signal))
  await expect(waiting(1)).rejects.toThrow(DeadlineError)
  await expect(waiting(60_000, AbortSignal.abort(new Error('cancelled')))).rejects.toThrow('cancelled')
})

/** After timers that are due have rung. */
function later<T>(ask: () => T): Promise<T> {
  return new Promise(resolve => setTimeout(() => resolve(ask()), 5))
}
