import { messageOf } from '../../outcome/errors.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import { newReplicaSet, type View } from './judge.ts'
import { podTemplate } from './objects.ts'
import type { ContainerStatus, Pod } from './pods.ts'
import type { Symptom } from './symptoms.ts'
import type { Place } from './tenure.ts'

const logLines = '40'
const logBytes = '16384'
const shownEvents = 10

/** What somebody needs to find the cause: the container's state, its log (of the run that ended), the pod's events. */
export async function gatherEvidence(place: Place, view: View, symptom: Symptom): Promise<Evidence[]> {
  const { secrets } = place.adapters
  const pod = view.pods.find(({ metadata }) => metadata.name === symptom.pod)
  const evidence: Evidence[] = []
  const status = pod && failing(pod, symptom.container)
  if (!pod || !status) {
    const subject = symptom.pod ? `pod ${symptom.pod}` : `Deployment ${view.deployment.metadata.name}`
    evidence.push({ subject, finding: symptom.message, tone: 'bad' })
  } else {
    evidence.push(ofContainer(pod, view, status))
    const log = await logOf(place, pod, status)
    if (log) evidence.push(log)
  }
  const events = ofEvents(view, pod)
  if (events) evidence.push(events)
  return evidence.map(each => ({
    ...each,
    finding: secrets.redact(each.finding),
    ...(each.detail === undefined ? {} : { detail: secrets.redact(each.detail) }),
  }))
}

function failing({ status }: Pod, container: string): ContainerStatus | undefined {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  return (
    all.find(({ name }) => name === container) ?? all.find(({ ready, state }) => !ready && !state?.terminated)
  )
}

function ofContainer(
  pod: Pod,

  { deployment }: View,
  { name, state, lastState, restartCount }: ContainerStatus,
): Evidence {
  const ended = state?.terminated ?? lastState?.terminated
  const image = podTemplate(deployment)?.spec.containers.find(each => each.name === name)?.image ?? ''
  const now = state?.waiting
    ? `waiting (${state.waiting.reason ?? ''})`
    : state?.running
      ? 'running'
      : 'ended'
  const last = ended
    ? `; exit code ${ended.exitCode}${ended.reason ? ` (${ended.reason})` : ''}, restarts: ${restartCount}`
    : ''
  return {
    subject: `container ${name} of pod ${pod.metadata.name}`,
    finding: `${now}${last}; image ${image}`,
    tone: 'bad',
  }
}

/** The log of the run that ended; of the one that runs, when none has ended or its log is gone. */
async function logOf(
  { client, namespace }: Place,
  pod: Pod,
  { name, restartCount, state, lastState }: ContainerStatus,
): Promise<Evidence | undefined> {
  if (!state?.running && !state?.terminated && !lastState?.terminated) return undefined
  const path = `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}/log`
  const query = { container: name, tailLines: logLines, limitBytes: logBytes }
  try {
    const previous =
      restartCount > 0 && !state?.terminated
        ? await client.text(path, { ...query, previous: 'true' })
        : undefined
    const text = previous ?? (await client.text(path, query))
    return {
      subject: `log of ${name}${previous ? ', the run before' : ''}`,
      finding: text?.trim() ? 'the last lines:' : 'it wrote nothing',
      tone: 'note',
      ...(text?.trim() ? { detail: text.trimEnd() } : {}),
    }
  } catch (error) {
    return { subject: `log of ${name}`, finding: `cannot be read: ${messageOf(error)}`, tone: 'note' }
  }
}

function ofEvents(view: View, pod: Pod | undefined): Evidence | undefined {
  const about = new Set([pod?.metadata.uid, newReplicaSet(view)?.metadata.uid])
  const told = view.events
    .filter(({ involvedObject }) => involvedObject.uid !== undefined && about.has(involvedObject.uid))
    .filter(({ type }) => type !== 'Normal')
    .slice(-shownEvents)
    .map(
      ({ reason = '', message = '', count = 1 }) =>
        `${reason}${count > 1 ? ` (${count} times)` : ''}: ${message}`,
    )
  if (told.length === 0) return undefined
  return { subject: 'events', finding: 'warnings of the cluster:', tone: 'note', detail: told.join('\n') }
}
