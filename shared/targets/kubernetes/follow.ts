import { showDuration } from '../../runbook/values.ts'
import type { Cause, FollowOptions, Rollout } from '../target.ts'
import { ApiError } from './api-error.ts'
import type { Query } from './client.ts'
import { gatherEvidence } from './evidence.ts'
import { judge, newReplicaSet, type Memory, type Verdict, type View } from './judge.ts'
import { keyOf, type KubeObject } from './objects.ts'
import { trimEvent, trimPod, trimReplicaSet } from './pods.ts'
import { reflect, type Reflector } from './reflector.ts'
import type { Symptom } from './symptoms.ts'
import type { Place } from './tenure.ts'

/** The longest that a verdict is not looked at again, milliseconds: for graces that end while nothing changes. */
const longestPauseMs = 5_000

/** Follows the Deployments of a release until all are ready, one is doomed, or the time is over. */
export async function followRollout(
  place: Place,
  objects: KubeObject[],
  options: FollowOptions,
): Promise<Rollout> {
  const workloads = objects.filter(
    ({ apiVersion, kind }) => apiVersion === 'apps/v1' && kind === 'Deployment',
  )
  if (workloads.length === 0) return { kind: 'ready' }
  const { clock } = place.adapters
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, options.signal])
  const giveUp = clock.elapsed() + options.timeoutMs
  try {
    const world = await watchWorld(place, workloads, signal)
    const memories = new Map<string, Memory>()
    const told = new Map<string, string>()
    for (;;) {
      const next = world.changed()
      const verdicts = workloads.map(workload => {
        const key = keyOf(workload)
        const view = world.view(workload)
        const { verdict, memory } = judge(
          view,
          memories.get(key) ?? new Map<string, number>(),
          clock.elapsed(),
        )
        memories.set(key, memory)
        return { workload, view, verdict }
      })
      for (const { workload, verdict } of verdicts) tell(workload, verdict, told, options)
      const bad = verdicts.find(({ verdict }) => verdict.kind === 'doomed')
      if (bad?.verdict.kind === 'doomed') {
        return { kind: 'doomed', cause: await causeOf(place, bad.view, bad.verdict.symptom) }
      }
      const open = verdicts.filter(({ verdict }) => verdict.kind === 'progressing')
      const [first] = open
      if (!first) return { kind: 'ready' }
      const left = giveUp - clock.elapsed()
      if (left <= 0)
        return { kind: 'deadline', cause: await overdue(place, first.view, first.verdict, options) }
      const pauses = open.map(({ verdict }) => (verdict.kind === 'progressing' ? verdict.lookAgainMs : 0))
      await pause(place, next, Math.min(left, longestPauseMs, ...pauses), signal)
      world.assertAlive()
    }
  } finally {
    stop.abort()
  }
}

interface World {
  view(workload: KubeObject): View
  /** Fulfilled with the next change after now. */
  changed(): Promise<void>
  assertAlive(): void
}

async function watchWorld(place: Place, workloads: KubeObject[], signal: AbortSignal): Promise<World> {
  const { client, namespace, service, adapters } = place
  const { clock } = adapters
  let notify: () => void = () => undefined
  let dead: unknown
  const start = async <T>(
    path: string,
    query: Query,
    trim: (item: KubeObject) => T,
  ): Promise<Reflector<T>> => {
    const reflector = await reflect<T>({ client, clock, path, query, signal, trim, changed: () => notify() })
    reflector.running.catch((error: unknown) => {
      dead = error
      notify()
    })
    return reflector
  }
  const [only] = workloads
  const one = workloads.length === 1 && only
  const pods = one ? selectorOf(one) : {}
  const [deployments, replicaSets, podList, events, mayGrow] = await Promise.all([
    start(
      `/apis/apps/v1/namespaces/${namespace}/deployments`,
      one
        ? { fieldSelector: `metadata.name=${one.metadata.name}` }
        : { labelSelector: `runbook/service=${service}` },
      item => ({ ...item, apiVersion: 'apps/v1', kind: 'Deployment' }),
    ),
    start(`/apis/apps/v1/namespaces/${namespace}/replicasets`, pods, trimReplicaSet),
    start(`/api/v1/namespaces/${namespace}/pods`, pods, trimPod),
    start(
      `/api/v1/namespaces/${namespace}/events`,
      { fieldSelector: 'involvedObject.kind=Pod' },
      trimEvent,
    ).catch((error: unknown) => {
      // Without events some causes are named later, or less well; the rollout is followed all the same.
      if (error instanceof ApiError && error.status === 403) return undefined
      throw error
    }),
    mayStartNodes(place),
  ])
  return {
    view(workload) {
      const deployment = [...deployments.items.values()].find(
        ({ metadata }) => metadata.name === workload.metadata.name,
      )
      return {
        deployment: deployment ?? { ...workload, metadata: { ...workload.metadata, generation: 1 } },
        replicaSets: [...replicaSets.items.values()],
        pods: [...podList.items.values()],
        events: [...(events?.items.values() ?? [])],
        mayGrow,
      }
    },
    changed: () =>
      new Promise(resolve => {
        notify = resolve
      }),
    assertAlive() {
      if (dead !== undefined) throw dead as Error
    },
  }
}

/**
 * Whether nodes may be added by the cluster itself: those of a cloud may, those of one's own machines do not. An account
 * that may not look has to take it as possible.
 */
async function mayStartNodes({ client }: Place): Promise<boolean> {
  try {
    const { items = [] } = ((await client.get('/api/v1/nodes?limit=1')) ?? {}) as {
      items?: { spec?: { providerID?: string } }[]
    }
    return items.some(({ spec }) => !/^($|kind:|k3s:|kwok:)/.test(spec?.providerID ?? ''))
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return true
    throw error
  }
}

function selectorOf(workload: KubeObject): Query {
  const { matchLabels = {}, matchExpressions = [] } = (workload.spec?.['selector'] ?? {}) as {
    matchLabels?: Record<string, string>
    matchExpressions?: unknown[]
  }
  const pairs = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`)
  return pairs.length === 0 || matchExpressions.length > 0 ? {} : { labelSelector: pairs.join(',') }
}

async function pause(
  { adapters }: Place,
  change: Promise<void>,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  const timer = new AbortController()
  const stop = AbortSignal.any([timer.signal, signal])
  try {
    await Promise.race([
      change,
      adapters.clock.sleep(ms, stop).catch((error: unknown) => {
        if (!timer.signal.aborted) throw error
      }),
    ])
  } finally {
    timer.abort()
  }
}

function tell(
  workload: KubeObject,
  verdict: Verdict,
  told: Map<string, string>,
  options: FollowOptions,
): void {
  const { name } = workload.metadata
  const line =
    verdict.kind === 'progressing'
      ? `Deployment ${name}: ${[verdict.state, verdict.trouble].filter(Boolean).join('. ')}`
      : verdict.kind === 'ready'
        ? `Deployment ${name} is ready.`
        : verdict.symptom.message
  if (told.get(name) === line) return
  told.set(name, line)
  options.onProgress(line)
}

async function causeOf(place: Place, view: View, symptom: Symptom): Promise<Cause> {
  return {
    class: symptom.class,
    message: place.adapters.secrets.redact(symptom.message),
    evidence: await gatherEvidence(place, view, symptom),
  }
}

function overdue(place: Place, view: View, verdict: Verdict, { timeoutMs }: FollowOptions): Promise<Cause> {
  const { state, trouble } = verdict.kind === 'progressing' ? verdict : { state: '', trouble: '' }
  const replicaSet = newReplicaSet(view)
  const pod = view.pods.find(({ metadata }) =>
    metadata.ownerReferences?.some(({ uid }) => uid === replicaSet?.metadata.uid),
  )
  return causeOf(place, view, {
    class: 'deadline',
    pod: pod?.metadata.name ?? '',
    container: '',
    message: `After ${showDuration(timeoutMs)} Deployment ${view.deployment.metadata.name} is not ready: ${trouble || state}`,
    graceMs: 0,
  })
}
