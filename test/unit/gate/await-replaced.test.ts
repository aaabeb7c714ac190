import { expect, test } from '@jest/globals'
import { awaitReplaced } from '../../../shared/gate/await-replaced.ts'
import { ToolError } from '../../../shared/outcome/errors.ts'
import { logTo } from '../../log.ts'

/** A clock that moves when it is waited for. */
function waiting(looks: (() => string[])[], graceMs = 10_000) {
  const logged: string[] = []
  let now = 0
  const clock = {
    now: () => now,
    elapsed: () => now,
    sleep: (ms: number) => Promise.resolve(void (now += ms)),
  }
  let look = 0
  const leaving = () =>
    new Promise<{ instances: string[]; graceMs: number }>(resolve => {
      const instances = (looks[Math.min(look++, looks.length - 1)] ?? (() => []))()
      resolve({ instances, graceMs })
    })
  const { signal } = new AbortController()
  return {
    logged,
    elapsed: () => now,
    done: awaitReplaced({ clock, log: logTo(line => void logged.push(line)), signal, leaving }),
  }
}

test('nothing is waited for where nothing was replaced, or no target can be asked', async () => {
  const none = waiting([() => []])
  expect(await none.done).toEqual([])
  expect(none.elapsed()).toBe(0)
  const { signal } = new AbortController()
  const clock = { now: () => 0, elapsed: () => 0, sleep: () => Promise.resolve() }
  expect(await awaitReplaced({ clock, log: logTo(() => undefined), signal })).toEqual([])
})

test('the gate begins when what was replaced receives no traffic any more, and the routes were written', async () => {
  const old = () => ['pod api-1']
  const { done, logged, elapsed } = waiting([old, old, old, () => []])
  expect(await done).toEqual([])
  expect(elapsed()).toBe(3 * 500 + 1_500)
  expect(logged).toEqual([
    expect.stringContaining('Waiting until pod api-1 no longer receives traffic, for 15.0 s'),
  ])
})

test('the wait ends with the grace period, two minutes at most, and is reported then', async () => {
  const { done, elapsed } = waiting([() => ['pod api-1']])
  expect(await done).toEqual([
    expect.objectContaining({ tone: 'warn', finding: expect.stringContaining('15.0 s') }),
  ])
  expect(elapsed()).toBe(15_000)
  const long = waiting([() => ['pod api-1']], 3_600_000)
  await long.done
  expect(long.elapsed()).toBe(120_000)
})

test('a target that does not answer is reported, and does not keep the gate from its work', async () => {
  const { done } = waiting([
    () => {
      throw new ToolError('no answer', { tool: 'Kubernetes API', hint: '' })
    },
  ])
  expect(await done).toEqual([expect.objectContaining({ finding: 'cannot be read: no answer' })])
})
