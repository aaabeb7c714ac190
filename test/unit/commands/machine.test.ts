import { EventEmitter, once } from 'node:events'
import { expect, test } from '@jest/globals'
import { createSignal } from '../../../shared/commands/step/machine.ts'

const machine = () => new EventEmitter() as NodeJS.Process

test('a step ends at its timeout, and at none that is longer than a timer of Node', async () => {
  const month = createSignal(machine(), 30 * 86_400_000)
  const short = createSignal(machine(), 5)
  const keepsAwake = setInterval(() => undefined, 1_000)
  await once(short, 'abort')
  clearInterval(keepsAwake)
  expect(short.reason).toMatchObject({ name: 'DeadlineError' })
  expect(month.aborted).toBe(false)
})
