import { describe, expect, test } from '@jest/globals'
import { createIndex } from '../../../shared/targets/kubernetes/belongings.ts'
import { blank, judge, type Verdict, type View } from '../../../shared/targets/kubernetes/judge.ts'
import type { Container, Probe } from '../../../shared/targets/kubernetes/objects.ts'
import type { ContainerStatus, Pod, PodEvent } from '../../../shared/targets/kubernetes/pods.ts'
import { readyGraceMs, type Start } from '../../../shared/targets/kubernetes/start-time.ts'
import type { Workload } from '../../../shared/targets/kubernetes/workload.ts'

interface Scene {
  kind?: string
  status?: object
  spec?: object
  container?: Partial<Container>
  pods?: Pod[]
  events?: PodEvent[]
  view?: Partial<Pick<View, 'growth' | 'images' | 'release'>>
}

/** A workload that is not done, unless its status says so: all pods belong to it and are of the revision `new`. */
function viewOf({
  kind = 'StatefulSet',
  status,
  spec,
  container,
  pods = [],
  events = [],
  view,
}: Scene): View {
  const workload: Workload = {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'api', uid: 'w' },
    spec: { template: { spec: { containers: [{ name: 'app', image: 'r/app:1', ...container }] } }, ...spec },
    status: { updateRevision: 'new', ...status },
    changedAt: Date.parse('2026-01-01T00:00:00Z'),
  }
  const index = createIndex()
  index.workloads.put(workload)
  for (const pod of pods) index.pods.put(pod)
  for (const event of events) index.events.put(event)
  return {
    ...index.of(workload),
    manifest: workload,
    growth: 'no',
    images: new Map(),
    arrived: new Set(),
    release: 'new',
    ...view,
  }
}

const pod = (status: Pod['status'], more: Partial<Pod> & { name?: string; revision?: string } = {}): Pod => {
  const { name = 'api-0', revision = 'new', ...rest } = more
  const labels = { 'controller-revision-hash': revision }
  return {
    ...rest,
    metadata: { name, uid: name, labels, ownerReferences: [{ uid: 'w' }], ...rest.metadata },
    ...(status ? { status } : {}),
  }
}
const container = (status: Partial<ContainerStatus>): Pod['status'] => ({
  phase: 'Running',
  containerStatuses: [{ name: 'app', ready: false, restartCount: 0, ...status }],
})
const event = (reason: string, message: string, about = 'api-0', more: Partial<PodEvent> = {}): PodEvent => ({
  metadata: { uid: `${reason}/${about}` },
  reason,
  message,
  involvedObject: { uid: about, fieldPath: 'spec.containers{app}' },
  ...more,
})
const ready = (seconds: number, more: Partial<ContainerStatus> = {}): Pod['status'] => ({
  phase: 'Running',
  conditions: [
    {
      type: 'Ready',
      status: 'True',
      lastTransitionTime: new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString(),
    },
  ],
  containerStatuses: [
    {
      name: 'app',
      ready: true,
      restartCount: 0,
      state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
      ...more,
    },
  ],
})

function after(seconds: number, scene: Scene): Verdict {
  const { memory } = judge(viewOf(scene), blank, 0)
  return judge(viewOf(scene), memory, seconds * 1_000).verdict
}
const classOf = (verdict: Verdict) => (verdict.kind === 'doomed' ? verdict.symptom.class : verdict.kind)

describe('a start that others made quickly', () => {
  const running = container({ started: true, state: { running: {} } })
  const twice = { count: 2 }
  const refused = event(
    'Unhealthy',
    'Readiness probe failed: HTTP probe failed with statuscode: 404',
    'api-0',
    twice,
  )
  const before = pod(ready(1), { name: 'old', revision: 'old' })
  const probe: Probe = { periodSeconds: 1 }
  const scene = { container: { readinessProbe: probe }, pods: [pod(running), before] }

  test('is given up soon when the server is up and does not know the question', () => {
    expect(classOf(after(1, { ...scene, events: [refused] }))).toBe('progressing')
    expect(classOf(after(2, { ...scene, events: [refused] }))).toBe('not-ready')
    const once = event('Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 404')
    expect(classOf(after(19, { ...scene, events: [once] }))).toBe('progressing')
  })

  test('is given up a little later when the server itself fails', () => {
    const failed = event(
      'Unhealthy',
      'Readiness probe failed: HTTP probe failed with statuscode: 500',
      'api-0',
      twice,
    )
    expect(classOf(after(2, { ...scene, events: [failed] }))).toBe('progressing')
    expect(classOf(after(3, { ...scene, events: [failed] }))).toBe('not-ready')
  })

  test.each([
    'Readiness probe failed: HTTP probe failed with statuscode: 503',
    'Readiness probe failed: HTTP probe failed with statuscode: 429',
    'Readiness probe failed: Get "http://10.0.0.1:3000/": dial tcp: connect: connection refused',
    'Readiness probe failed: cat: /tmp/ready: No such file or directory',
  ])('has 20 s while it only says that it is not ready yet: %s', said => {
    const events = [event('Unhealthy', said, 'api-0', { count: 15 })]
    expect(classOf(after(19, { ...scene, events }))).toBe('progressing')
    expect(classOf(after(20, { ...scene, events }))).toBe('not-ready')
  })

  test('is measured by what was recorded, where an older pod lost its readiness and found it again', () => {
    const flapped = pod(ready(3_600), { name: 'old', revision: 'old' })
    const scenery = { ...scene, pods: [pod(running), flapped], events: [refused] }
    expect(classOf(after(30, scenery))).toBe('progressing')
    const recorded = judge(viewOf(scenery), { ...blank, recordedMs: 1_000 }, 0)
    expect(classOf(judge(viewOf(scenery), recorded.memory, 2_000).verdict)).toBe('not-ready')
  })

  test('is measured, for the next release, from the first sight of a pod until it is ready', () => {
    const begun = judge(viewOf({ ...scene, pods: [pod(running)] }), blank, 1_000)
    const done = judge(viewOf({ ...scene, pods: [pod(ready(0))] }), begun.memory, 2_700)
    expect(done.memory.startMs).toBe(1_700)
    // What becomes of its readiness later is no start.
    const lost = judge(viewOf({ ...scene, pods: [pod(running)] }), done.memory, 9_000)
    const found = judge(viewOf({ ...scene, pods: [pod(ready(9))] }), lost.memory, 20_000)
    expect(found.memory.startMs).toBe(1_700)
  })

  test('has its whole time when nothing is known of others', () => {
    const alone = { ...scene, pods: [pod(running)], events: [refused] }
    expect(classOf(after(44, alone))).toBe('progressing')
  })
})

describe('the time for a start', () => {
  const grace = (settings: Partial<Container>, known: Partial<Start> = {}) =>
    readyGraceMs({
      container: { name: 'a', image: 'i', ...settings },
      started: false,
      usualMs: undefined,
      answer: '',
      times: 0,
      ...known,
    }) / 1_000
  const refused = { answer: 'Readiness probe failed: HTTP probe failed with statuscode: 404', times: 2 }

  test('is 45 s and the patience of the probe where nothing announces it, and no earlier start is known', () => {
    const settings = { readinessProbe: { periodSeconds: 2, failureThreshold: 2 } }
    expect(grace(settings)).toBe(45 + 5 + 3)
    expect(grace(settings, refused)).toBe(45 + 5 + 3)
  })

  test('is what startupProbe, initial delay or a late liveness probe announce', () => {
    expect(grace({ startupProbe: { periodSeconds: 10, failureThreshold: 30 } })).toBe(301 + 3)
    expect(grace({ readinessProbe: { initialDelaySeconds: 60, periodSeconds: 1 } })).toBe(2 * 64 + 3)
    expect(grace({ livenessProbe: { initialDelaySeconds: 120, periodSeconds: 10 } })).toBe(151)
  })

  test.each([
    ['three times what others took', { periodSeconds: 1 }, 60_000, 180],
    [
      '20 s at least, for a probe that gives up at once',
      { periodSeconds: 1, failureThreshold: 1 },
      1_000,
      20,
    ],
    ["the probe's own patience, where that is more", { periodSeconds: 10 }, 1_000, 31],
    ['the initial delay included', { initialDelaySeconds: 30, periodSeconds: 1 }, 1_000, 34],
  ])('is, where earlier starts are known, %s', (_what, readinessProbe, usualMs, expected) => {
    expect(grace({ readinessProbe }, { usualMs })).toBe(expected)
  })

  test('is as long as others took where the answer is final, and came twice', () => {
    const settings = { readinessProbe: { periodSeconds: 2 } }
    expect(grace(settings, { ...refused, usualMs: 3_000 })).toBe(3)
    expect(grace(settings, { ...refused, usualMs: 200 })).toBe(1.5)
    expect(grace(settings, { ...refused, usualMs: 3_000, times: 1 })).toBe(20)
    const failed = { answer: 'HTTP probe failed with statuscode: 500', times: 2 }
    expect(grace(settings, { ...failed, usualMs: 4_000 })).toBe(6)
    const busy = { answer: 'HTTP probe failed with statuscode: 503', times: 9 }
    expect(grace(settings, { ...busy, usualMs: 4_000 })).toBe(20)
  })

  test('is never cut short while a startupProbe runs; what it has let pass is held to its answer', () => {
    const settings = {
      startupProbe: { periodSeconds: 1, failureThreshold: 60 },
      readinessProbe: { periodSeconds: 1 },
    }
    expect(grace(settings, { ...refused, usualMs: 1_000 })).toBe(61 + 4 + 3)
    expect(grace(settings, { ...refused, started: true })).toBe(1.5)
    expect(grace(settings, { started: true })).toBe(4 + 3)
  })
})

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

test('a workload that somebody deletes is doomed', () => {
  const view = { ...viewOf({}), workload: undefined }
  const { memory } = judge(view, blank, 0)
  expect(judge(view, memory, 2_000).verdict.kind).toBe('progressing')
  expect(classOf(judge(view, memory, 4_000).verdict)).toBe('gone')
})
