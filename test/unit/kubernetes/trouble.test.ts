import { describe, expect, test } from '@jest/globals'
import { blank, judge } from '../../../shared/targets/kubernetes/rollout/judge.ts'
import type { Probe } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import type { ContainerStatus, Pod, PodEvent } from '../../../shared/targets/kubernetes/rollout/pods.ts'
import { after, classOf, container, event, pod, ready, viewOf, type Scene } from './scene.ts'

describe('a container', () => {
  const ended = (reason: string, exitCode = 1) => ({ terminated: { exitCode, reason } })

  test('that ended more than once is known by that, although it runs again', () => {
    const again = { state: { running: {} }, lastState: ended('OOMKilled', 137) }
    expect(classOf(after(0, { pods: [pod(container({ ...again, restartCount: 1 }))] }))).toBe('progressing')
    expect(classOf(after(0, { pods: [pod(container({ ...again, restartCount: 2 }))] }))).toBe('oom-killed')
  })

  test.each(['startup', 'liveness'])('that its %s probe killed says so, at the second time', probe => {
    const events = [
      event('Unhealthy', `${probe} probe failed: HTTP probe failed with statuscode: 500`),
      event('Killing', `Container app failed ${probe} probe, will be restarted`),
    ]
    const killed = (restartCount: number) =>
      after(0, { events, pods: [pod(container({ restartCount, state: ended('Error', 137) }))] })
    expect(classOf(killed(0))).toBe('progressing')
    expect(killed(1)).toMatchObject({
      symptom: { class: `${probe}-probe-failed`, message: expect.stringContaining('statuscode: 500') },
    })
  })

  test('whose image is missing has the time that its registry gives it', () => {
    const waiting = { waiting: { reason: 'ErrImagePull', message: 'r/app:1: not found' } }
    const pods = [pod(container({ state: waiting }))]
    const said = (answer: 'there' | 'unknown', seconds: number) =>
      classOf(after(seconds, { pods, view: { images: new Map([['r/app:1', answer]]) } }))
    expect([said('unknown', 12), said('unknown', 14)]).toEqual(['progressing', 'image-missing'])
    expect([said('there', 55), said('there', 61)]).toEqual(['progressing', 'image-missing'])
    expect(after(6, { pods })).toMatchObject({ symptom: { image: 'r/app:1' } })
  })
})

describe('a pod', () => {
  const unscheduled = (message: string) => ({
    phase: 'Pending',
    conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }],
  })
  const creating = container({ state: { waiting: { reason: 'ContainerCreating' } } })
  const provisioning = (message: string) =>
    event('ProvisioningFailed', message, '', {
      involvedObject: { kind: 'PersistentVolumeClaim', name: 'data' },
    })

  test.each<[string, Pod, PodEvent[], Scene['view'], string, number]>([
    ['no room', pod(unscheduled('Insufficient cpu')), [], {}, 'unschedulable', 5],
    ['room, perhaps', pod(unscheduled('Insufficient cpu')), [], { growth: 'perhaps' }, 'unschedulable', 15],
    ['room of a cloud', pod(unscheduled('Insufficient cpu')), [], { growth: 'yes' }, 'unschedulable', 30],
    [
      'a node that is not well',
      pod(unscheduled('had untolerated taint {node.kubernetes.io/not-ready: }')),
      [],
      {},
      'unschedulable',
      30,
    ],
    [
      'pods of less weight that are ended for it',
      pod({ ...unscheduled('Insufficient cpu'), nominatedNodeName: 'n' }),
      [],
      {},
      'unschedulable',
      60,
    ],
    [
      'a disk to be made',
      pod(unscheduled('pod has unbound immediate PersistentVolumeClaims')),
      [],
      {},
      'volume-pending',
      120,
    ],
    [
      'a class of disks that is not there',
      pod(unscheduled('pod has unbound immediate PersistentVolumeClaims'), { claims: ['data'] }),
      [provisioning('storageclass.storage.k8s.io "fast" not found')],
      {},
      'volume-pending',
      4,
    ],
    [
      'a claim that is not there',
      pod(unscheduled('persistentvolumeclaim "data" not found')),
      [],
      {},
      'volume-pending',
      4,
    ],
    ['a disk', pod(creating), [event('FailedAttachVolume', 'no such disk')], {}, 'volume-failing', 60],
    ['its network', pod(creating), [event('FailedCreatePodSandBox', 'no IP')], {}, 'sandbox-failing', 60],
  ])('waits for %s, but not for ever', (_what, one, events, view, kind, seconds) => {
    const scene: Scene = { pods: [one], events, ...(view ? { view } : {}) }
    expect(classOf(after(seconds - 1, scene))).toBe('progressing')
    expect(classOf(after(seconds + 1, scene))).toBe(kind)
  })

  test('that is evicted may be made again; two are no accident', () => {
    const evicted = (name: string) => pod({ phase: 'Failed', reason: 'Evicted', message: 'disk' }, { name })
    expect(classOf(after(0, { pods: [evicted('a')] }))).toBe('progressing')
    expect(classOf(after(0, { pods: [evicted('a'), evicted('b')] }))).toBe('evicted')
  })

  test('of an earlier revision that is not ready holds a StatefulSet up', () => {
    const stuck = pod(container({ state: { running: {} } }), { name: 'api-1', revision: 'old' })
    const verdict = after(31, { pods: [stuck] })
    expect(verdict).toMatchObject({
      symptom: { class: 'blocked', message: expect.stringContaining('kubectl delete pod api-1') },
    })
  })
})

describe('a refusal that is told in events alone', () => {
  const refused = (at: string) =>
    event('FailedCreate', 'create Pod api-0 failed: pods "api-0" is forbidden: exceeded quota: small', 'w', {
      at,
    })

  test('counts when it is of this revision, and no pod was made since', () => {
    const now = [refused('2026-01-01T00:00:05Z')]
    expect(classOf(after(4, { events: now }))).toBe('progressing')
    expect(classOf(after(6, { events: now }))).toBe('quota')
    expect(classOf(after(60, { events: [refused('2025-12-31T23:59:00Z')] }))).toBe('progressing')
    const metadata = { name: 'api-0', uid: 'api-0', creationTimestamp: '2026-01-01T00:00:09Z' }
    const made = pod({ phase: 'Pending' }, { metadata: { ...pod({}).metadata, ...metadata } })
    expect(classOf(after(60, { events: now, pods: [made] }))).toBe('progressing')
  })
})

describe('what its controller calls done', () => {
  const done = { status: { currentRevision: 'new', updatedReplicas: 1, readyReplicas: 1 } }
  const readinessProbe: Probe = {}
  const once = (lasted: number): Partial<ContainerStatus> => ({
    restartCount: 1,
    lastState: {
      terminated: {
        exitCode: 137,
        startedAt: '2026-01-01T00:00:00Z',
        finishedAt: new Date(Date.UTC(2026, 0, 1, 0, 0, lasted)).toISOString(),
      },
    },
  })
  const probed = (status: Partial<ContainerStatus>): Scene => ({
    ...done,
    container: { readinessProbe },
    pods: [pod(ready(1, status))],
  })

  test('is ready at once where readiness is probed, or it was ready before', () => {
    expect(classOf(after(0, probed({})))).toBe('ready')
    expect(classOf(after(0, { ...probed(once(5)), view: { release: 'proven' } }))).toBe('ready')
  })

  test('has to stay up for a moment without a probe, and for some when it ended once', () => {
    const unprobed = { ...done, pods: [pod(ready(1))] }
    expect([after(2, unprobed), after(3, unprobed)].map(classOf)).toEqual(['progressing', 'ready'])
    expect([after(9, probed(once(4))), after(10, probed(once(4)))].map(classOf)).toEqual([
      'progressing',
      'ready',
    ])
    expect([after(29, probed(once(20))), after(30, probed(once(20)))].map(classOf)).toEqual([
      'progressing',
      'ready',
    ])
    expect(classOf(after(0, probed(once(600))))).toBe('ready')
  })
})

test('a workload that is deleted fails its rollout', () => {
  const view = { ...viewOf({}), workload: undefined }
  const { memory } = judge(view, blank, 0)
  expect(judge(view, memory, 2_000).verdict.kind).toBe('progressing')
  expect(classOf(judge(view, memory, 4_000).verdict)).toBe('gone')
})
