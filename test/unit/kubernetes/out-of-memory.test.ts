import { expect, test } from '@jest/globals'
import { outOfMemory } from '../../../shared/targets/kubernetes/rollout/pod-trouble.ts'
import type { Pod } from '../../../shared/targets/kubernetes/rollout/pods.ts'

/** @param ranFor seconds that the run before this one lasted, which ended for want of memory; undefined for none */
const pod = (name: string, ranFor?: number): Pod => ({
  metadata: { name, uid: name },
  status: {
    containerStatuses: [
      {
        name: 'app',
        ready: true,
        restartCount: ranFor === undefined ? 0 : 1,
        state: { running: {} },
        ...(ranFor === undefined ? {} : { lastState: { terminated: starved(ranFor) } }),
      },
    ],
  },
})
const starved = (seconds: number) => ({
  exitCode: 137,
  reason: 'OOMKilled',
  startedAt: '2026-01-01T00:00:00Z',
  finishedAt: new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString(),
})

test('most of the new pods, and two at least, ran out of memory soon after their start: none will last', () => {
  expect(outOfMemory([pod('a', 5), pod('b', 5)])?.message).toBe(
    'Container app of pod a ran out of its memory limit, as in 2 of 2 new pods.',
  )
  expect(outOfMemory([pod('a', 5), pod('b', 5), pod('c')])?.class).toBe('oom-killed')
})

test('one that ran out may have had a bad moment, and so may half of them', () => {
  expect(outOfMemory([pod('a', 5)])).toBeUndefined()
  expect(outOfMemory([pod('a', 5), pod('b')])).toBeUndefined()
  expect(outOfMemory([pod('a', 5), pod('b', 5), pod('c'), pod('d')])).toBeUndefined()
})

test('an end long after the start was no trouble of the start', () => {
  expect(outOfMemory([pod('a', 3_600), pod('b', 3_600)])).toBeUndefined()
})
