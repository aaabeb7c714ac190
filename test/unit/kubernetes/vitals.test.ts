import { expect, test } from '@jest/globals'
import type { ContainerStatus, Pod } from '../../../shared/targets/kubernetes/pods.ts'
import { vitalsOf } from '../../../shared/targets/kubernetes/vitals.ts'

const pod = (containerStatuses: ContainerStatus[], ready = 'True'): Pod => ({
  metadata: { name: 'api-1', uid: 'u' },
  status: { conditions: [{ type: 'Ready', status: ready }], containerStatuses },
})
const ended = (exitCode: number, finishedAt: string, reason = 'Error') => ({
  terminated: { exitCode, reason, finishedAt },
})

test('a pod that never ended', () => {
  expect(vitalsOf(pod([{ name: 'app', ready: true, restartCount: 0 }]))).toEqual({
    instance: 'pod api-1',
    ready: true,
    restarts: 0,
    lastEnd: '',
    outOfMemory: false,
  })
})

test('of several containers the restarts of all, and the end of the one that ended last', () => {
  const containers = [
    {
      name: 'app',
      ready: false,
      restartCount: 2,
      lastState: ended(137, '2026-01-01T00:00:02Z', 'OOMKilled'),
    },
    { name: 'proxy', ready: true, restartCount: 1, lastState: ended(1, '2026-01-01T00:00:01Z') },
  ]
  expect(vitalsOf(pod(containers, 'False'))).toMatchObject({
    ready: false,
    restarts: 3,
    lastEnd: 'exit code 137',
    outOfMemory: true,
  })
  expect(vitalsOf(pod(containers.toReversed()))).toMatchObject({ lastEnd: 'exit code 137' })
})
