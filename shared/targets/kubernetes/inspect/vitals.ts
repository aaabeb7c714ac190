import { isExpected } from '../../../outcome/errors.ts'
import type { Vitals } from '../../../release/vitals.ts'
import { findWorkload } from './live.ts'
import { instancesOf, readPods } from '../rollout/live-pods.ts'
import { podTemplate } from '../manifests/objects.ts'
import { isReady, type Pod } from '../rollout/pods.ts'
import type { Place } from '../state/place.ts'
import { readPodMetrics, usageOf, type PodMetrics } from './usage.ts'

/** The pods that run what is live; those of the release before it, and those that are ending, are left out. */
export async function readVitals(place: Place): Promise<Vitals[]> {
  const live = await findWorkload(place)
  const labels = live && podTemplate(live)?.metadata?.labels
  if (!labels) return []
  const [pods, metrics] = await Promise.all([readPods(place, live), measure(place, labels)])
  const measured = new Map(metrics.map(each => [each.metadata.name, each]))
  return instancesOf(pods).map((pod): Vitals => {
    const known = measured.get(pod.metadata.name)
    const limits = pods.raw.get(pod.metadata.uid)
    return { ...vitalsOf(pod), ...(known && limits ? { usage: usageOf(limits, known) } : {}) }
  })
}

/** A second look follows soon: what is not told by then is left out of this one. */
const patienceMs = 1_000

/** What is refused or slow to be told of their use does not hold up the look at the pods. */
async function measure(place: Place, labels: Record<string, string>): Promise<PodMetrics[]> {
  const { clock, signal } = place.adapters
  const none: PodMetrics[] = []
  const told = readPodMetrics(place, labels).catch((error: unknown) => {
    if (isExpected(error) || signal.aborted) return none
    throw error
  })
  const over = new AbortController()
  try {
    return await Promise.race([told, clock.sleep(patienceMs, over.signal).then(() => none)])
  } finally {
    over.abort()
  }
}

/** Of several containers, the restarts of all and the end of the one that ended last. */
export function vitalsOf(pod: Pod): Vitals {
  const containers = pod.status?.containerStatuses ?? []
  const ends = containers
    .flatMap(({ lastState }) => lastState?.terminated ?? [])
    .toSorted((a, b) => Date.parse(a.finishedAt ?? '') - Date.parse(b.finishedAt ?? ''))
  const end = ends.at(-1)
  return {
    instance: `pod ${pod.metadata.name}`,
    ready: isReady(pod),
    restarts: containers.reduce((sum, { restartCount }) => sum + restartCount, 0),
    lastEnd: end ? `exit code ${end.exitCode}` : '',
    outOfMemory: end?.reason === 'OOMKilled',
  }
}
