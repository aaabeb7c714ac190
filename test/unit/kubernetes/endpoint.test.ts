import { expect, test } from '@jest/globals'
import { findEndpoint } from '../../../shared/targets/kubernetes/tunnel/endpoint.ts'
import type { KubeObject } from '../../../shared/targets/kubernetes/manifests/objects.ts'

interface Said {
  phase?: string
  ready?: string
  created?: string
  deleted?: string
}

function pod(
  name: string,
  { phase = 'Running', ready = 'True', created = '2026-01-02', deleted }: Said = {},
) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      creationTimestamp: created,
      ...(deleted === undefined ? {} : { deletionTimestamp: deleted }),
    },
    spec: { containers: [{ ports: [{ name: 'wire', containerPort: 6432 }] }] },
    status: { phase, conditions: [{ type: 'Ready', status: ready }] },
  }
}

function cluster(pods: KubeObject[], targetPort: unknown = 'wire') {
  return {
    get: (path: string) =>
      Promise.resolve(
        path.includes('/services/')
          ? {
              apiVersion: 'v1',
              kind: 'Service',
              metadata: { name: 'postgres' },
              spec: { selector: { app: 'pg', role: 'primary' }, ports: [{ port: 5432, targetPort }] },
            }
          : pods.find(({ metadata }) => path.endsWith(`/pods/${metadata.name}`)),
      ),
    list: (_path: string, query: Record<string, string> = {}) => {
      expect(query).toEqual({ labelSelector: 'app=pg,role=primary' })
      return Promise.resolve({ items: pods, resourceVersion: '1' })
    },
  }
}

const service = { namespace: '', kind: 'service', name: 'postgres', port: 5432 } as const
const one = { namespace: '', kind: 'pod', name: 'pg-0', port: 5432 } as const

test('the oldest of the ready pods is taken, at the port that the name of the Service leads to', async () => {
  const pods = [
    pod('young'),
    pod('starting', { ready: 'False', created: '2026-01-01' }),
    pod('ending', { deleted: '2026-01-03', created: '2026-01-01' }),
    pod('ended', { phase: 'Succeeded', created: '2026-01-01' }),
    pod('old', { created: '2026-01-01T10:00:00Z' }),
  ]
  expect(await findEndpoint(cluster(pods), service, 'data')).toEqual({
    namespace: 'data',
    pod: 'old',
    port: 6432,
  })
})

test('a number is the port itself', async () => {
  expect((await findEndpoint(cluster([pod('pg-0')], 7000), service, 'data')).port).toBe(7000)
})

test.each([
  [
    'none is ready',
    cluster([pod('pg-0', { ready: 'False' })]),
    service,
    'none of the 1 pods of Service postgres',
  ],
  ['its port has another name', cluster([pod('pg-0')], 'http'), service, 'has no port named http'],
  ['the pod ends', cluster([pod('pg-0', { deleted: '2026-01-03' })]), one, 'pod pg-0 of data does not run'],
  ['the pod is not there', cluster([]), one, 'there is no pod pg-0 in data'],
])('it is said when %s', async (_what, client, place, words) => {
  await expect(findEndpoint(client, place, 'data')).rejects.toThrow(words)
})
