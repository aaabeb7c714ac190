import { createIndex } from '../../../shared/targets/kubernetes/apply/belongings.ts'
import { blank, judge, type Verdict, type View } from '../../../shared/targets/kubernetes/rollout/judge.ts'
import type { Container } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import type { ContainerStatus, Pod, PodEvent } from '../../../shared/targets/kubernetes/rollout/pods.ts'
import type { Workload } from '../../../shared/targets/kubernetes/rollout/workload.ts'

export interface Scene {
  kind?: string
  status?: object
  spec?: object
  container?: Partial<Container>
  pods?: Pod[]
  events?: PodEvent[]
  view?: Partial<Pick<View, 'growth' | 'images' | 'release'>>
}

/** A workload that is not done, unless its status says so: all pods belong to it and are of the revision `new`. */
export function viewOf({
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

export const pod = (
  status: Pod['status'],
  more: Partial<Pod> & { name?: string; revision?: string } = {},
): Pod => {
  const { name = 'api-0', revision = 'new', ...rest } = more
  const labels = { 'controller-revision-hash': revision }
  return {
    ...rest,
    metadata: { name, uid: name, labels, ownerReferences: [{ uid: 'w' }], ...rest.metadata },
    ...(status ? { status } : {}),
  }
}
export const container = (status: Partial<ContainerStatus>): Pod['status'] => ({
  phase: 'Running',
  containerStatuses: [{ name: 'app', ready: false, restartCount: 0, ...status }],
})
export const event = (
  reason: string,
  message: string,
  about = 'api-0',
  more: Partial<PodEvent> = {},
): PodEvent => ({
  metadata: { uid: `${reason}/${about}` },
  reason,
  message,
  involvedObject: { uid: about, fieldPath: 'spec.containers{app}' },
  ...more,
})
export const ready = (seconds: number, more: Partial<ContainerStatus> = {}): Pod['status'] => ({
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

export function after(seconds: number, scene: Scene): Verdict {
  const { memory } = judge(viewOf(scene), blank, 0)
  return judge(viewOf(scene), memory, seconds * 1_000).verdict
}
export const classOf = (verdict: Verdict) =>
  verdict.kind === 'doomed' ? verdict.symptom.class : verdict.kind
