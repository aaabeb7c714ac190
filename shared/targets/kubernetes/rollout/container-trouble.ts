import { missingObject, shorten, type Known, type Symptom } from './symptom.ts'
import type { ContainerStatus, Pod, PodEvent, Termination } from './pods.ts'

/** Trouble with a registry passes more often than not: it is given the time of several of the kubelet's attempts. */
const passingPullMs = 60_000
/** What a node does not find its registry is asked for, before the node is believed: see `second-opinion.ts`. */
const missingImageMs = 0
const secondPullMs = 14_000
/** An object that the pod needs may be made a moment later by something else in the cluster. */
const lateConfigMs = 4_000
/** The kubelet's own trouble (a cache that is late, a sandbox that is slow) passes. */
export const passingNodeMs = 30_000

type Make = (kind: string, text: string, graceMs?: number) => Symptom

/** What keeps one container from running; undefined when it runs, is on its way, or is done. */
export function containerTrouble(
  pod: Pod,
  status: ContainerStatus,
  events: PodEvent[],
  known: Known,
): Symptom | undefined {
  const { name, state, lastState, restartCount, ready } = status
  const { reason = '', message = '' } = state?.waiting ?? {}
  const made: Make = (kind, text, graceMs = 0) => ({
    class: kind,
    pod: pod.metadata.name,
    container: name,
    message: `Container ${name} of pod ${pod.metadata.name} ${text}`,
    graceMs,
  })
  switch (reason) {
    case 'InvalidImageName':
      return made('invalid-image-name', `names an image that cannot exist: ${message}`)
    case 'ErrImageNeverPull':
      return made('image-missing', `may not pull its image (imagePullPolicy Never), and the node has none.`)
    case 'ErrImagePull':
    case 'ImagePullBackOff':
    case 'RegistryUnavailable':
    case 'ImageInspectError':
    case 'SignatureValidationFailed':
      return pull(made, [reason, message, ...pullErrors(events, name)].join(' '), imageOf(name, known), known)
    case 'CreateContainerConfigError':
      return configuration(made, message, known)
    case 'RunContainerError':
    case 'CreateContainerError':
    case 'PreCreateHookError':
    case 'PreStartHookError':
      return made('cannot-run', `cannot be started: ${message}`, cannotEverRun(message) ? 0 : passingNodeMs)
  }
  if (state?.terminated) return crash(made, state.terminated, restartCount, events, name, known)
  const before = lastState?.terminated
  const waits = reason === 'CrashLoopBackOff' || reason === 'PostStartHookError'
  // It ended more than once, and runs a further time: the end is what it is known by.
  const looping = restartCount >= 2 && state?.running !== undefined && !ready
  return before && (waits || looping) ? crash(made, before, restartCount, events, name, known) : undefined
}

function crash(
  made: Make,
  ended: Termination,
  restartCount: number,
  events: PodEvent[],
  container: string,
  { retried }: Known,
): Symptom | undefined {
  const said = ended.message ?? ''
  if (retried && ended.exitCode === 0) return undefined
  if (ended.reason === 'StartError' || ended.reason === 'ContainerCannotRun') {
    return made('cannot-run', `cannot be started: ${said}`, cannotEverRun(said) ? 0 : passingNodeMs)
  }
  // One restart may be a dependency that came late. Ending twice is not. A Job counts its attempts itself.
  const again = restartCount >= 1 && !retried
  const graceMs = again ? 0 : Infinity
  const times = restartCount === 0 ? 'once' : `${restartCount + 1} times`
  if (ended.reason === 'OOMKilled')
    return made('oom-killed', `ran out of its memory limit ${times}.`, graceMs)
  const probe = killedBy(events, container)
  if (probe) {
    const words = probe === 'startup' ? 'within the time of its startupProbe' : 'to its livenessProbe'
    const text = `did not answer ${words}, and was killed ${times}${lastAnswer(events, container)}`
    return made(`${probe}-probe-failed`, text, graceMs)
  }
  const hook = events.findLast(
    ({ reason, involvedObject: { fieldPath = '' } }) =>
      reason === 'FailedPostStartHook' && fieldPath.includes(`{${container}}`),
  )
  if (hook)
    return made('hook-failed', `failed in its postStart hook: ${shorten(hook.message ?? '')}`, graceMs)
  return made('crash-loop', `ended ${times}, ${exit(ended)}.`, graceMs)
}

function exit({ exitCode, signal, reason }: Termination): string {
  const why = reason && reason !== 'Error' && reason !== 'Completed' ? ` (${reason})` : ''
  if (exitCode === 0) return 'with exit code 0, although it should keep running'
  if (exitCode === 137) return `killed (exit code 137${why})`
  return signal ? `by signal ${signal}${why}` : `with exit code ${exitCode}${why}`
}

/** The probe for whose failing the kubelet killed the container. */
function killedBy(events: PodEvent[], container: string): 'startup' | 'liveness' | undefined {
  const killing = events.findLast(
    ({ reason, message = '' }) =>
      reason === 'Killing' && message.includes(`ontainer ${container} failed `) && message.includes(' probe'),
  )
  return /failed (startup|liveness) probe/.exec(killing?.message ?? '')?.[1] as
    'startup' | 'liveness' | undefined
}

/** What the kubelet reported last about a container's probe, and how many times it reported that. */
export function lastProbe(events: PodEvent[], container: string): { answer: string; times: number } {
  const failing = events.findLast(
    ({ reason, message = '', involvedObject: { fieldPath = '' } }) =>
      reason === 'Unhealthy' && message.includes(' probe ') && fieldPath.includes(`{${container}}`),
  )
  return { answer: failing?.message ?? '', times: failing ? (failing.count ?? 1) : 0 }
}

function lastAnswer(events: PodEvent[], container: string): string {
  const said = lastProbe(events, container).answer
  return said ? `: ${shorten(said)}` : '.'
}

function configuration(made: Make, message: string, { arrived }: Known): Symptom {
  const object = missingObject(message)
  // The kubelet tries again after some 10 s only.
  const passing = /timed out|failed to sync/.test(message) || (object !== undefined && arrived.has(object))
  const graceMs = passing ? passingNodeMs : object !== undefined ? lateConfigMs : 0
  return {
    ...made('config-missing', `cannot be configured: ${message}`, graceMs),
    ...(object ? { object } : {}),
  }
}

function imageOf(name: string, { template }: Known): string {
  const { containers, initContainers = [] } = template.spec
  return [...containers, ...initContainers].find(each => each.name === name)?.image ?? ''
}

function pull(made: Make, said: string, image: string, { images }: Known): Symptom {
  const why = shorten(said)
  // A registry that cannot be reached at the moment also says "not found" of its host name.
  const passing =
    /no such host|i\/o timeout|connection refused|connection reset|deadline exceeded|\bEOF\b|\b50[0234]\b|server misbehaving|toomanyrequests|\b429\b/i
  if (!passing.test(said)) {
    if (/not found|manifest unknown|does not exist|no such image|name unknown/i.test(said)) {
      const answer = images.get(image)
      const graceMs =
        answer === 'there' ? passingPullMs : answer === 'unknown' ? secondPullMs : missingImageMs
      return {
        ...made('image-missing', `has an image that its registry does not have: ${why}`, graceMs),
        image,
      }
    }
    if (/unauthorized|authentication required|access denied|denied:|forbidden|no basic auth/i.test(said)) {
      return made('image-forbidden', `may not pull its image: ${why}`)
    }
    if (said.includes('SignatureValidationFailed')) {
      return made('image-forbidden', `has an image whose signature the node does not accept: ${why}`)
    }
    if (/no match for platform|exec format error/i.test(said)) {
      return made('image-wrong-platform', `has an image that is not made for this node: ${why}`)
    }
  }
  return made('image-pull-failing', `cannot pull its image: ${why}`, passingPullMs)
}

/** The back-off of older kubelets does not repeat why the pull failed; their events do. */
function pullErrors(events: PodEvent[], container: string): string[] {
  return events
    .filter(
      ({ reason, message = '', involvedObject: { fieldPath = '' } }) =>
        reason === 'Failed' && message.startsWith('Failed to pull') && fieldPath.includes(`{${container}}`),
    )
    .map(({ message = '' }) => message)
    .slice(-1)
}

function cannotEverRun(message: string): boolean {
  return /executable file not found|no such file or directory|permission denied|exec format error|not a directory|is a directory/i.test(
    message,
  )
}
