import { expect, test } from '@jest/globals'
import { systemClock } from '../../../shared/host/clock.ts'

test('a wait of a month is not over at once, and ends with its signal', async () => {
  const over = new AbortController()
  const waiting = systemClock.sleep(31 * 86_400_000, over.signal)
  const first = await Promise.race([waiting.then(() => 'over'), systemClock.sleep(5).then(() => 'waiting')])
  expect(first).toBe('waiting')
  over.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
})
