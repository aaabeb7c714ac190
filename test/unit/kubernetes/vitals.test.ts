import { describe, expect, test } from '@jest/globals'
import { ApiError } from '../../../shared/targets/kubernetes/api/api-error.ts'
import type { Place } from '../../../shared/targets/kubernetes/state/place.ts'
import type { ContainerStatus, Pod } from '../../../shared/targets/kubernetes/rollout/pods.ts'
import { usageOf } from '../../../shared/targets/kubernetes/inspect/usage.ts'
import { readVitals, vitalsOf } from '../../../shared/targets/kubernetes/inspect/vitals.ts'

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

describe('what a pod uses', () => {
  const limited = (name: string, limits?: { memory?: string; cpu?: string }) => ({
    name,
    ...(limits ? { resources: { limits } } : {}),
  })
  const metrics = {
    metadata: { name: 'api-1' },
    timestamp: '2026-01-01T00:00:15Z',
    containers: [
      { name: 'app', usage: { memory: '128Mi', cpu: '100m' } },
      { name: 'proxy', usage: { memory: '30Mi', cpu: '190000000n' } },
    ],
  }

  test('is that of the container that is nearest to its own limit', () => {
    const containers = [
      limited('app', { memory: '256Mi', cpu: '1' }),
      limited('proxy', { memory: '32Mi', cpu: '200m' }),
    ]
    expect(usageOf({ spec: { containers } }, metrics)).toEqual({
      memory: { share: 30 / 32, of: 'limit of 32.0 MiB', at: metrics.timestamp },
      cpu: { share: expect.closeTo(0.95), of: 'limit of 200m of CPU', at: metrics.timestamp },
    })
  })

  test('is of nothing where there is no limit', () => {
    expect(usageOf({ spec: { containers: [limited('app'), limited('proxy')] } }, metrics)).toEqual({})
  })

  const workload = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'api', uid: 'd', annotations: { 'deployment.kubernetes.io/revision': '2' } },
    spec: {
      selector: { matchLabels: { app: 'api' } },
      template: { metadata: { labels: { app: 'api' } } },
    },
  }
  const replicaSet = (revision: string) => ({
    metadata: {
      name: `api-${revision}`,
      uid: `rs-${revision}`,
      annotations: { 'deployment.kubernetes.io/revision': revision },
      ownerReferences: [{ uid: 'd', controller: true }],
    },
  })
  const owned = (name: string, revision: string, metadata: object = {}) => ({
    ...pod([{ name: 'app', ready: true, restartCount: Number(revision) }]),
    metadata: {
      name,
      uid: name,
      ownerReferences: [{ uid: `rs-${revision}`, controller: true }],
      ...metadata,
    },
    spec: { containers: [limited('app', { memory: '256Mi' })] },
  })
  const stranger = { ...owned('worker-1', '2'), metadata: { name: 'worker-1', uid: 'w' } }
  const items = [
    owned('api-1', '2'),
    owned('api-0', '1'),
    owned('api-9', '2', { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    stranger,
  ]
  const look = (metricsApi: () => Promise<object>) => {
    const list = (path: string) => {
      if (path.endsWith('/replicasets')) return Promise.resolve({ items: ['1', '2'].map(replicaSet) })
      return path.startsWith('/api/v1/') ? Promise.resolve({ items }) : metricsApi()
    }
    const slept: number[] = []
    const clock = { sleep: (ms: number) => Promise.resolve(void slept.push(ms)) }
    const place = {
      client: { get: () => Promise.resolve(workload), list },
      namespace: 'n',
      workload: 'deployment/api',
      adapters: { clock, signal: new AbortController().signal },
    }
    return readVitals(place as unknown as Place)
  }

  test('counts no pod of the release before, of another workload with the same labels, and none that is ending', async () => {
    expect(await look(() => Promise.resolve({ items: [] }))).toEqual([
      expect.objectContaining({ instance: 'pod api-1', restarts: 2 }),
    ])
  })

  test.each([
    ['does not answer', () => new Promise<never>(() => undefined)],
    ['fails', () => Promise.reject(new ApiError('server error', 500, {}, ''))],
  ])('is left out where the metrics API %s: the pods are told all the same', async (_how, metricsApi) => {
    expect(await look(metricsApi)).toEqual([expect.objectContaining({ instance: 'pod api-1', ready: true })])
  })
})
