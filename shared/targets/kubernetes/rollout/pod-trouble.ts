import { passingNodeMs } from './container-trouble.ts'
import { lastedMs, type ContainerStatus, type Pod, type PodEvent } from './pods.ts'
import { missingObject, shorten, type Growth, type Known, type Symptom } from './symptom.ts'

/** Room may become free when old pods end; without an autoscaler it does not come from elsewhere. */
const noRoomMs = 5_000
/** Autoscalers look every 10 s, and say at once whether they will start a node. */
const scalerAnswerMs = 30_000
const perhapsScalerMs = 15_000
/** An autoscaler that has started a node needs minutes for it. */
const newNodeMs = 10 * 60_000
/** A disk of a cloud is made, and attached, in well under this. */
const newVolumeMs = 2 * 60_000
/** An object that the pod needs may be made a moment later by something else in the cluster. */
const lateObjectMs = 4_000
/** What ran out of memory later than this has not done so for the way it starts. */
const soonMs = 60_000
/** A volume or a network that fails for so long does not come by itself. */
const passingMs = 60_000

/** What keeps a pod as a whole from starting; undefined when nothing is known to. */
export function podTrouble(
  pod: Pod,
  events: PodEvent[],
  eventsOfClaim: (name: string) => PodEvent[],
  { growth, arrived }: Pick<Known, 'growth' | 'arrived'>,
): Symptom | undefined {
  const made = (kind: string, text: string, graceMs: number): Symptom => ({
    class: kind,
    pod: pod.metadata.name,
    container: '',
    message: `Pod ${pod.metadata.name} ${text}`,
    graceMs,
  })
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable') {
    const said = shorten(scheduled.message ?? '')
    if (/persistentvolumeclaim/i.test(said)) return claim(pod, said, eventsOfClaim, made)
    return made('unschedulable', `finds no node: ${said}`, roomMs(pod, said, events, growth))
  }
  if (scheduled?.status === 'False' && scheduled.reason === 'SchedulingGated') {
    return made('scheduling-gated', 'waits for its scheduling gates to be lifted.', Infinity)
  }
  if (!isCreating(pod)) return undefined
  const mount = events.findLast(({ reason }) => /^Failed(Mount|AttachVolume|MapVolume)$/.test(reason ?? ''))
  if (mount) {
    const said = shorten(mount.message ?? '')
    const missing = /(configmap|secret)s? .*not found|references non-existent (config|secret) key/i.test(said)
    const object = missingObject(said)
    const late = object !== undefined && arrived.has(object)
    return {
      ...made(
        missing ? 'config-missing' : 'volume-failing',
        `cannot have its volumes: ${said}`,
        missing && !late ? lateObjectMs : passingMs,
      ),
      ...(object ? { object } : {}),
    }
  }
  const sandbox = events.findLast(({ reason }) =>
    /^(FailedCreatePodSandBox|NetworkNotReady|FailedCreatePodContainer|FailedPrepareDynamicResources)$/.test(
      reason ?? '',
    ),
  )
  return (
    sandbox &&
    made('sandbox-failing', `cannot be set up on its node: ${shorten(sandbox.message ?? '')}`, passingMs)
  )
}

/** How long room may be waited for. */
function roomMs(pod: Pod, said: string, events: PodEvent[], growth: Growth): number {
  const told = (words: RegExp) => events.some(({ reason = '' }) => words.test(reason))
  if (told(/^(TriggeredScaleUp|Nominated)$/)) return newNodeMs
  // Pods of less weight are being ended for it, or a node is not well at the moment.
  if (pod.status?.nominatedNodeName) return passingMs
  if (/node\.kubernetes\.io\/(not-ready|unreachable)|uninitialized/.test(said)) return passingNodeMs
  if (told(/^NotTriggerScaleUp$/) || growth === 'no') return noRoomMs
  return growth === 'yes' ? scalerAnswerMs : perhapsScalerMs
}

function claim(
  { claims = [] }: Pod,
  said: string,
  eventsOfClaim: (name: string) => PodEvent[],
  made: (kind: string, text: string, graceMs: number) => Symptom,
): Symptom {
  const failing = claims
    .flatMap(eventsOfClaim)
    .findLast(({ reason = '' }) => /^(ProvisioningFailed|FailedBinding)$/.test(reason))
  const why = failing ? `: ${shorten(failing.message ?? '')}` : ''
  const never =
    /storageclass\S* .*not found|no volume plugin matched|no persistent volumes available.* and no storage class is set/i
  const missing = /persistentvolumeclaim "[^"]*" not found/i.test(said) || never.test(failing?.message ?? '')
  return made('volume-pending', `waits for its volume: ${said}${why}`, missing ? lateObjectMs : newVolumeMs)
}

function isCreating({ status }: Pod): boolean {
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
  return (
    all.length === 0 ||
    all.some(({ state }) => /ContainerCreating|PodInitializing/.test(state?.waiting?.reason ?? ''))
  )
}

/**
 * Pods that the cluster ended, or would not start, one after the other: evicted for what they used, refused by their node.
 * One may be a node's bad day.
 */
export function failedPods(pods: Pod[]): Symptom | undefined {
  const failed = pods.filter(({ status }) => status?.phase === 'Failed' && status.reason)
  const [first] = failed
  if (failed.length < 2 || !first) return undefined
  const { reason = '', message = '' } = first.status ?? {}
  return {
    class: reason === 'Evicted' ? 'evicted' : 'refused-by-node',
    pod: first.metadata.name,
    container: '',
    message: `${failed.length} pods failed, the first of them ${first.metadata.name} (${reason}): ${shorten(message)}`,
    graceMs: 0,
  }
}

/**
 * Pods of which a container ran out of its memory limit, although none did so twice yet. One may have had a bad moment;
 * most of a revision's pods, and two at least, have too low a limit: none of them will last.
 */
export function outOfMemory(pods: Pod[]): Symptom | undefined {
  const killed = pods.flatMap(pod => {
    const container = pod.status?.containerStatuses?.find(hasRunOut)
    return container ? [{ pod: pod.metadata.name, container: container.name }] : []
  })
  const [first] = killed
  if (killed.length < 2 || killed.length * 2 <= pods.length || !first) return undefined
  const { pod, container } = first
  return {
    class: 'oom-killed',
    pod,
    container,
    message: `Container ${container} of pod ${pod} ran out of its memory limit, as in ${killed.length} of ${pods.length} new pods.`,
    graceMs: 0,
  }
}

function hasRunOut({ state, lastState }: ContainerStatus): boolean {
  return [state?.terminated, lastState?.terminated].some(
    ended => ended?.reason === 'OOMKilled' && lastedMs(ended) < soonMs,
  )
}
