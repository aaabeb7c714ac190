import { expect, test } from '@jest/globals'
import { healthGateFields, planGateOf } from '../../../shared/commands/verify/health-gate.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { environmentAt } from '../../e2e/gate/ports.ts'

const minute = 60_000

async function timeoutOf(said: Record<string, string>): Promise<number> {
  const inputs = parseInputs(healthGateFields, key => ({ environment: 'staging', ...said })[key] ?? '')
  return (await planGateOf(environmentAt('http://127.0.0.1:1'), inputs)).timeoutMs
}

test('a gate that was given no timeout has one that its window and its extension fit into', async () => {
  expect(await timeoutOf({})).toBe(10 * minute)
  expect(await timeoutOf({ for: '5m' })).toBe(12.5 * minute)
  expect(await timeoutOf({ for: '20m' })).toBe(35 * minute)
})

test('a timeout that was given counts, and is refused when its window does not fit', async () => {
  expect(await timeoutOf({ for: '1m', timeout: '90s' })).toBe(1.5 * minute)
  await expect(timeoutOf({ for: '20m', timeout: '20m' })).rejects.toThrow(
    'timeout is "20 min 0 s"; accepted: more than for, which is 20 min 0 s',
  )
})
