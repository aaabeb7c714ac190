import type { Evidence } from '../../../outcome/outcome.ts'
import type { Belongings } from '../apply/belongings.ts'
import { readContainerLog } from './container-log.ts'
import type { View } from '../rollout/judge.ts'
import { containersOf, podTemplate } from '../manifests/objects.ts'
import { isReady, type ContainerStatus, type Pod, type PodEvent } from '../rollout/pods.ts'
import { shorten, type Symptom } from '../rollout/symptom.ts'
import type { Place } from '../state/place.ts'
import { nameOf } from '../rollout/workload.ts'

const logSize = { lines: 40, bytes: 16 * 1024 }
const shownEvents = 10
const namedPods = 5

/**
 * What an engineer needs to find the cause: the container's state, its log (of the run that ended), what the cluster told of
 * the pod and of what makes it, how the other pods are.
 */
export async function gatherEvidence(place: Place, view: View, symptom: Symptom): Promise<Evidence[]> {
  const { secrets } = place.adapters
  const pod = [...view.pods, ...view.older].find(({ metadata }) => metadata.name === symptom.pod)
  const status = pod && failing(pod, symptom.container)
  const subject = symptom.pod ? `pod ${symptom.pod}` : nameOf(view.manifest)
  const evidence: (Evidence | undefined)[] =
    pod && status
      ? [ofContainer(place, pod, view, status), ...(await readContainerLog(place, pod, status, logSize))]
      : [{ subject, finding: symptom.message, tone: 'bad' }]
  evidence.push(ofEvents(view, pod ? [pod] : []), ofPods(view))
  return evidence
    .filter(each => each !== undefined)
    .map(each => ({
      ...each,
      finding: secrets.redactPiece(each.finding),
      ...(each.detail === undefined ? {} : { detail: secrets.redactPiece(each.detail) }),
    }))
}

/** The container that is meant; without a name the first that ended badly, or is not ready. */
function failing({ status }: Pod, container: string): ContainerStatus | undefined {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  const ended = ({ state, lastState }: ContainerStatus) =>
    ((state?.terminated ?? lastState?.terminated)?.exitCode ?? 0) !== 0
  return (
    all.find(({ name }) => name === container) ??
    all.find(ended) ??
    all.find(({ ready, state }) => !ready && !state?.terminated)
  )
}

function ofContainer(
  { adapters }: Place,
  pod: Pod,
  { workload, manifest }: View,
  { name, state, lastState, restartCount }: ContainerStatus,
): Evidence {
  const ended = state?.terminated ?? lastState?.terminated
  const template = podTemplate(workload ?? manifest)
  const image = template && containersOf(template).find(each => each.name === name)?.image
  const now = state?.waiting
    ? `waiting (${state.waiting.reason ?? ''})`
    : state?.running
      ? 'running'
      : 'ended'
  const facts = [now]
  if (ended) {
    const why = ended.reason ? ` (${ended.reason})` : ''
    facts.push(`exit code ${ended.exitCode}${why}, restarts: ${restartCount}`)
    if (ended.message) facts.push(`it said: ${shorten(adapters.secrets.redactPiece(ended.message))}`)
  }
  if (image) facts.push(`image ${image}`)
  if (pod.node) facts.push(`node ${pod.node}`)
  return {
    subject: `container ${name} of pod ${pod.metadata.name}`,
    finding: facts.join('; '),
    tone: 'bad',
  }
}

/** The newest warnings about what makes the pods, these pods, and their claims; undefined when there are none. */
export function ofEvents(
  { makers, eventsOf, eventsOfClaim }: Pick<Belongings, 'makers' | 'eventsOf' | 'eventsOfClaim'>,
  pods: Pod[],
): Evidence | undefined {
  const about = [...makers, ...pods.map(({ metadata }) => metadata.uid)]
  const claims = new Set(pods.flatMap(pod => pod.claims ?? []))
  const told = [...about.flatMap(eventsOf), ...[...claims].flatMap(eventsOfClaim)]
    .filter(({ type }) => type !== 'Normal')
    .toSorted((a, b) => ((a.at ?? '') < (b.at ?? '') ? -1 : 1))
    .slice(-shownEvents)
    .map(lineOf)
  if (told.length === 0) return undefined
  return { subject: 'events', finding: 'warnings of the cluster:', tone: 'note', detail: told.join('\n') }
}

function lineOf({ reason = '', message = '', count = 1 }: PodEvent): string {
  return `${reason}${count > 1 ? ` (${count} times)` : ''}: ${shorten(message)}`
}

function ofPods({ pods, older, manifest }: View): Evidence | undefined {
  if (pods.length + older.length < 2) return undefined
  const ill = pods.filter(pod => !isReady(pod)).map(({ metadata }) => metadata.name)
  const names = ill.slice(0, namedPods).join(', ')
  const more = ill.length > namedPods ? ` and ${ill.length - namedPods} more` : ''
  const old = older.length > 0 ? `; ${older.filter(isReady).length} of ${older.length} older pods ready` : ''
  return {
    subject: `pods of ${nameOf(manifest)}`,
    finding: `${pods.length - ill.length} of ${pods.length} new pods ready${ill.length > 0 ? `, not ready: ${names}${more}` : ''}${old}`,
    tone: 'note',
  }
}
