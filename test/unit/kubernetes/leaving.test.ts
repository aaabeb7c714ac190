import { describe, expect, test } from '@jest/globals'
import { ApiError } from '../../../shared/targets/kubernetes/api/api-error.ts'
import { readLeaving } from '../../../shared/targets/kubernetes/apply/leaving.ts'
import type { Place } from '../../../shared/targets/kubernetes/state/place.ts'

const revisionKey = 'deployment.kubernetes.io/revision'
const labels = { app: 'api' }
const workload = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'api', uid: 'd', generation: 1, annotations: { [revisionKey]: '2' } },
  spec: {
    replicas: 1,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [], terminationGracePeriodSeconds: 20 } },
  },
  status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1 },
}
const replicaSets = ['1', '2'].map(revision => ({
  metadata: {
    name: `api-${revision}`,
    uid: `rs-${revision}`,
    annotations: { [revisionKey]: revision },
    ownerReferences: [{ uid: 'd', controller: true }],
  },
}))
const pod = (name: string, revision: string, metadata: object = {}, ready = 'True') => ({
  metadata: { name, uid: name, labels, ownerReferences: [{ uid: `rs-${revision}` }], ...metadata },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready }] },
})
const ending = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 45 }
const endpoint = (name: string, conditions: object) => ({
  conditions,
  targetRef: { kind: 'Pod', name, uid: name },
})
const terminating = { ready: false, serving: true, terminating: true }
const gone = { ready: false, serving: false, terminating: true }

function leaving(pods: object[], endpoints: object[] | ApiError, selector: object = labels) {
  const list = (path: string) => {
    const plural = path.slice(path.lastIndexOf('/') + 1)
    if (plural === 'pods') return Promise.resolve({ items: pods })
    if (plural === 'replicasets') return Promise.resolve({ items: replicaSets })
    if (plural === 'services')
      return Promise.resolve({ items: [{ metadata: { name: 'api' }, spec: { selector } }] })
    return endpoints instanceof ApiError
      ? Promise.reject(endpoints)
      : Promise.resolve({ items: [{ endpoints }] })
  }
  const client = { get: () => Promise.resolve(workload), list }
  return readLeaving({ client, namespace: 'n', workload: 'deployment/api' } as unknown as Place)
}

const live = pod('api-2', '2')
const serves = endpoint('api-2', { ready: true, serving: true, terminating: false })

describe('what was replaced still receives traffic', () => {
  test('while an EndpointSlice lists it as serving, for as long as its own grace period', async () => {
    expect(
      await leaving([live, pod('api-1', '1', ending)], [serves, endpoint('api-1', terminating)]),
    ).toEqual({
      instances: ['pod api-1'],
      graceMs: 45_000,
    })
  })

  test('while it is of an earlier revision and is not ending yet', async () => {
    const ready = endpoint('api-1', { ready: true })
    expect(await leaving([live, pod('api-1', '1')], [serves, ready])).toMatchObject({ graceMs: 20_000 })
  })

  test('also when it belongs to another workload that the same Service selects, and is ending', async () => {
    expect(await leaving([live], [serves, endpoint('old-name-1', terminating)])).toMatchObject({
      instances: ['pod old-name-1'],
    })
  })

  test('by its own readiness where EndpointSlices may not be read', async () => {
    const forbidden = new ApiError('forbidden', 403, {}, '')
    expect(await leaving([live, pod('api-1', '1', ending)], forbidden)).toMatchObject({
      instances: ['pod api-1'],
    })
    const drained = pod('api-1', '1', ending, 'False')
    expect(await leaving([live, drained], forbidden)).toMatchObject({ instances: [] })
  })
})

describe('what was replaced receives no traffic any more', () => {
  test('once no EndpointSlice lists it as serving', async () => {
    const pods = [live, pod('api-1', '1', ending)]
    expect(await leaving(pods, [serves, endpoint('api-1', gone)])).toMatchObject({ instances: [] })
    expect(await leaving(pods, [serves])).toMatchObject({ instances: [] })
  })

  test('where no Service selects it', async () => {
    const pods = [live, pod('api-1', '1', ending)]
    const other = [endpoint('api-1', terminating)]
    expect(await leaving(pods, other, { app: 'other' })).toMatchObject({ instances: [] })
  })
})

test('another workload behind the same Service stays out of it', async () => {
  const canary = endpoint('canary-1', { ready: true, serving: true, terminating: false })
  expect(await leaving([live], [serves, canary])).toMatchObject({ instances: [] })
})
