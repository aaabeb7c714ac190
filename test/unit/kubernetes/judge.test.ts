import { describe, expect, test } from '@jest/globals'
import { createIndex } from '../../../shared/targets/kubernetes/apply/belongings.ts'
import { blank, judge, type Verdict, type View } from '../../../shared/targets/kubernetes/rollout/judge.ts'
import type { Container } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import type { Pod, PodEvent, ReplicaSet } from '../../../shared/targets/kubernetes/rollout/pods.ts'
import type { Growth } from '../../../shared/targets/kubernetes/rollout/symptom.ts'
import type { Workload } from '../../../shared/targets/kubernetes/rollout/workload.ts'
// Pods and events as a kubelet 1.35 with containerd reports them, 20 s after their start.
import captured from './captured.json' with { type: 'json' }

type Seen = Record<string, { pod: Pod; events: PodEvent[] }>
const seen = captured as Seen

const revision = { 'deployment.kubernetes.io/revision': '2' }
const replicaSet: ReplicaSet = {
  metadata: { name: 'api-2', uid: 'rs-2', annotations: revision, ownerReferences: [{ uid: 'd' }] },
}
const older: ReplicaSet = {
  metadata: {
    name: 'api-1',
    uid: 'rs-1',
    annotations: { 'deployment.kubernetes.io/revision': '1' },
    ownerReferences: [{ uid: 'd' }],
  },
}

interface Situation {
  pods?: Pod[]
  events?: PodEvent[]
  status?: object
  spec?: object
  container?: Partial<Container>
  growth?: Growth
  images?: View['images']
  arrived?: string[]
}

function view({
  pods = [],
  events = [],
  status = {},
  spec = {},
  container = {},
  growth = 'no',
  images = new Map(),
  arrived = [],
}: Situation): View {
  const deployment: Workload = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'api', uid: 'd', generation: 2, annotations: revision },
    spec: {
      replicas: 1,
      template: { spec: { containers: [{ name: 'app', image: 'i', ...container }] } },
      ...spec,
    },
    status: { observedGeneration: 2, replicas: 2, updatedReplicas: 1, availableReplicas: 1, ...status },
    changedAt: 0,
  }
  const index = createIndex()
  index.workloads.put(deployment)
  for (const each of [older, replicaSet]) index.replicaSets.put(each)
  for (const pod of pods) index.pods.put(pod)
  for (const event of events) index.events.put(event)
  const answers = { images, arrived: new Set(arrived) }
  return { ...index.of(deployment), manifest: deployment, growth, ...answers, release: 'new' }
}

const of = (pod: Pod, owner = 'rs-2'): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, ownerReferences: [{ uid: owner, controller: true }] },
})
const caught = (name: string, owner?: string): Pod => {
  const found = seen[name]
  if (!found) throw new Error(`nothing was captured of ${name}`)
  return of(found.pod, owner)
}
const eventsOf = (name: string) => seen[name]?.events ?? []
const ready: Pod = {
  metadata: { name: 'ok', uid: 'ok', ownerReferences: [{ uid: 'rs-2' }] },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
}

/** Judged first at 0, then again after so many seconds of the same picture. */
function after(seconds: number, situation: Situation): Verdict {
  const { memory } = judge(view(situation), blank, 0)
  return judge(view(situation), memory, seconds * 1_000).verdict
}
const classOf = (verdict: Verdict) => (verdict.kind === 'doomed' ? verdict.symptom.class : verdict.kind)

describe('a rollout is doomed', () => {
  test.each<[string, string, number, string]>([
    ['crash', 'crash-loop', 0, 'exit code 3'],
    ['done', 'crash-loop', 0, 'exit code 0, although it should keep running'],
    ['oom', 'oom-killed', 0, 'memory limit'],
    ['missing', 'image-missing', 0, 'localhost:5000/nope:1: not found'],
    ['badname', 'invalid-image-name', 0, 'invalid reference format'],
    ['nokey', 'config-missing', 0, 'nope'],
    ['nocm', 'config-missing', 5, 'gone'],
    ['vol', 'config-missing', 5, 'gone'],
    ['nocommand', 'cannot-run', 0, '/bin/no-such-program'],
    ['big', 'unschedulable', 6, 'Insufficient memory'],
    ['refused', 'image-pull-failing', 61, 'connection refused'],
    ['nohost', 'image-pull-failing', 61, 'no such host'],
    ['notready', 'not-ready', 60, 'statuscode: 404'],
  ])('by a pod that is %s: %s, after %d s', (name, expected, seconds, said) => {
    const verdict = after(seconds, { pods: [caught(name)], events: eventsOf(name) })
    expect(classOf(verdict)).toBe(expected)
    expect(verdict).toMatchObject({ symptom: { message: expect.stringContaining(said) } })
  })

  test.each<[string, number]>([
    ['nocm', 3],
    ['vol', 3],
    ['big', 4],
    ['refused', 55],
    ['nohost', 55],
    ['notready', 44],
  ])('but not by one that is %s for %d s: it may pass', (name, seconds) => {
    const verdict = after(seconds, { pods: [caught(name)], events: eventsOf(name) })
    expect(verdict.kind).toBe('progressing')
    expect(verdict.kind === 'progressing' && verdict.lookAgainMs).toBeLessThan(20_000)
  })

  test.each<[string, string, number]>([
    ['exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1', 'quota', 6],
    ['pods "x" is forbidden: violates PodSecurity "restricted:latest"', 'admission', 0],
    ['admission webhook "policy.example.com" denied the request: no', 'admission', 0],
    ['failed calling webhook "w": connect: connection refused', 'admission', 31],
  ])('when its pods may not be made: %s', (message, expected, seconds) => {
    const failure = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }
    const situation = { status: { conditions: [failure], updatedReplicas: 0, replicas: 1 } }
    expect(classOf(after(seconds, situation))).toBe(expected)
    if (seconds > 0) expect(classOf(after(seconds - 2, situation))).toBe('progressing')
  })

  test('when it is paused, or its own deadline is over', () => {
    expect(classOf(after(0, { spec: { paused: true } }))).toBe('paused')
    const late = { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }
    expect(classOf(after(1, { status: { conditions: [late] } }))).toBe('progressing')
    expect(classOf(after(2, { status: { conditions: [late] } }))).toBe('deadline-exceeded')
    const slow = { pods: [caught('refused')], status: { conditions: [late] } }
    expect(classOf(after(2, slow))).toBe('image-pull-failing')
  })

  test('by the error of the event when the status only says back-off', () => {
    const pod = caught('missing')
    const [status] = pod.status?.containerStatuses ?? []
    const quiet = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "localhost:5000/nope:1"' }
    const old: Pod = {
      ...pod,
      status: { ...pod.status, containerStatuses: status ? [{ ...status, state: { waiting: quiet } }] : [] },
    }
    expect(classOf(after(6, { pods: [old], events: [] }))).toBe('progressing')
    expect(classOf(after(6, { pods: [old], events: eventsOf('missing') }))).toBe('image-missing')
  })
})

describe('a rollout goes on', () => {
  test('while the controller has not seen the new generation, whatever the old status says', () => {
    const stale = { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1 }
    expect(after(100, { status: stale, pods: [caught('crash', 'rs-1')] })).toMatchObject({
      kind: 'progressing',
      state: 'its controller has not seen it yet',
    })
  })

  test('when only old pods, or pods that are ending, are ill', () => {
    expect(classOf(after(100, { pods: [caught('crash', 'rs-1')] }))).toBe('progressing')
    const ending = caught('crash')
    ending.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
    expect(classOf(after(100, { pods: [ending] }))).toBe('progressing')
  })

  test('after one crash', () => {
    const pod = caught('crash')
    const [status] = pod.status?.containerStatuses ?? []
    if (!status) throw new Error('no status')
    const once: Pod = {
      ...pod,
      status: { ...pod.status, containerStatuses: [{ ...status, restartCount: 0, lastState: {} }] },
    }
    expect(classOf(after(600, { pods: [once] }))).toBe('progressing')
    // Its second start is being made.
    const waiting = { waiting: { reason: 'ContainerCreating' } }
    const second = { ...status, restartCount: 1, state: waiting }
    const again: Pod = { ...pod, status: { ...pod.status, containerStatuses: [second] } }
    expect(classOf(after(600, { pods: [again] }))).toBe('progressing')
  })

  test('while other pods are well, some time longer', () => {
    const pods = [ready, caught('nokey')]
    expect(classOf(after(25, { pods }))).toBe('progressing')
    expect(classOf(after(31, { pods }))).toBe('config-missing')
  })

  test('while one of the pods has nothing wrong with it', () => {
    const starting = of({ metadata: { name: 'new', uid: 'new' }, status: { phase: 'Pending' } })
    expect(classOf(after(600, { pods: [starting, caught('missing')] }))).toBe('progressing')
  })

  test('while old pods end and make room, or an autoscaler adds a node', () => {
    const ending = caught('crash', 'rs-1')
    ending.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
    expect(classOf(after(60, { pods: [caught('big'), ending] }))).toBe('progressing')
    const growing: PodEvent = {
      metadata: { uid: 'e' },
      reason: 'TriggeredScaleUp',
      message: 'pod triggered scale-up',
      involvedObject: { uid: 'uid-big' },
    }
    expect(classOf(after(60, { pods: [caught('big')], events: [growing] }))).toBe('progressing')
    expect(classOf(after(25, { pods: [caught('big')], growth: 'yes' }))).toBe('progressing')
    expect(classOf(after(31, { pods: [caught('big')], growth: 'yes' }))).toBe('unschedulable')
    const refusing = { ...growing, reason: 'NotTriggerScaleUp' }
    const said = after(6, { pods: [caught('big')], events: [refusing], growth: 'yes' })
    expect(classOf(said)).toBe('unschedulable')
  })

  test('as long as its own probes allow', () => {
    const probe = { periodSeconds: 2, failureThreshold: 3, timeoutSeconds: 2 }
    const start = { periodSeconds: 1, failureThreshold: 30, timeoutSeconds: 2 }
    // The startupProbe has passed: readiness has 2 * 3 + 2 s, and the kubelet's lag.
    const passed = { pods: [caught('notready')], container: { startupProbe: start, readinessProbe: probe } }
    expect(classOf(after(10, passed))).toBe('progressing')
    expect(classOf(after(12, passed))).toBe('not-ready')
    const pod = caught('notready')
    const statuses = pod.status?.containerStatuses?.map(status => ({ ...status, started: false })) ?? []
    const starting = { ...passed, pods: [{ ...pod, status: { ...pod.status, containerStatuses: statuses } }] }
    expect(classOf(after(40, starting))).toBe('progressing')
    expect(classOf(after(44, starting))).toBe('not-ready')
    // However long the start took, readiness has its own time from then on.
    const slow = judge(view(starting), blank, 0)
    const begun = judge(view(passed), slow.memory, 35_000)
    expect(classOf(begun.verdict)).toBe('progressing')
    expect(classOf(judge(view(passed), begun.memory, 45_000).verdict)).toBe('progressing')
    expect(classOf(judge(view(passed), begun.memory, 47_000).verdict)).toBe('not-ready')
  })

  test.each(['nocm', 'vol'])('when what it waits for has come, until the node looks again: %s', name => {
    const situation = { pods: [caught(name)], events: eventsOf(name) }
    expect(after(5, situation)).toMatchObject({ symptom: { object: 'configmaps/gone' } })
    const come = { ...situation, arrived: ['configmaps/gone'] }
    expect(classOf(after(25, come))).toBe('progressing')
    expect(classOf(after(61, come))).toBe('config-missing')
  })
})

test('a rollout is ready when the controller says so, and old pods are gone', () => {
  const done = { replicas: 1, updatedReplicas: 1, availableReplicas: 1 }
  expect(after(0, { status: done, pods: [ready] })).toEqual({ kind: 'ready', note: '' })
  expect(after(0, { status: { ...done, replicas: 2 } })).toMatchObject({ state: '1 old pods are left' })
  expect(after(0, { status: { ...done, availableReplicas: 0 } })).toMatchObject({
    state: '0 of 1 new pods available',
  })
})
