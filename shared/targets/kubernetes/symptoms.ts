import type { Container, PodTemplate, Probe } from './objects.ts'
import type { ContainerStatus, Pod, PodEvent } from './pods.ts'

/** Something that keeps a pod from becoming ready. */
export interface Symptom {
  /** Stable kebab-case class. */
  class: string
  pod: string
  /** Empty when it is about the pod as a whole. */
  container: string
  /** One sentence. */
  message: string
  /** Milliseconds that it may last before nothing but a new release helps; Infinity: waiting may help for ever. */
  graceMs: number
}

/** Trouble with a registry passes more often than not: it is given the time of several of the kubelet's attempts. */
const passingPullMs = 60_000
/** An object that the pod needs may be made a moment later by something else in the cluster. */
const lateConfigMs = 4_000
/** The kubelet's own trouble (a cache that is late, a sandbox that is slow) passes. */
const passingNodeMs = 30_000
/** Room may become free when old pods end; without an autoscaler it does not come from elsewhere. */
const noRoomMs = 5_000
/** An autoscaler says within some 10 s whether it will start one. */
const scalerAnswerMs = 30_000
/** An autoscaler that has started a node needs minutes for it. */
const newNodeMs = 10 * 60_000
/** A start that no startupProbe and no initial delay announce may still take this long. */
const undeclaredStartMs = 45_000
/** The kubelet probes on its own beat, and its answer has to travel. */
const probeLagMs = 3_000

/** What a pod is judged by beside its own status. */
export interface Surroundings {
  template: PodTemplate
  events: PodEvent[]
  /** The cluster may start further nodes by itself. */
  mayGrow: boolean
}

/** What keeps a pod of the new revision from becoming ready; undefined while it is only on its way. */
export function symptomOf(pod: Pod, { template, events, mayGrow }: Surroundings): Symptom | undefined {
  const own = events.filter(event => event.involvedObject.uid === pod.metadata.uid)
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {}
  for (const status of initContainerStatuses) {
    const done = status.state?.terminated?.exitCode === 0
    const found = done ? undefined : ofContainer(pod, status, own)
    if (found) return found
  }
  for (const status of containerStatuses) {
    const found = ofContainer(pod, status, own)
    if (found) return found
  }
  return ofPod(pod, own, mayGrow) ?? notReady(pod, containerStatuses, template, own)
}

function ofContainer(pod: Pod, status: ContainerStatus, events: PodEvent[]): Symptom | undefined {
  const { name, state, lastState, restartCount } = status
  const { reason = '', message = '' } = state?.waiting ?? {}
  const made = (kind: string, text: string, graceMs = 0): Symptom => ({
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
      return pull(made, [message, ...pullErrors(events, name)].join(' '))
    case 'CreateContainerConfigError': {
      const late = message.includes('not found') && !message.includes('find key')
      const passing = /timed out|failed to sync/.test(message)
      return made(
        'config-missing',
        `cannot be configured: ${message}`,
        passing ? passingNodeMs : late ? lateConfigMs : 0,
      )
    }
    case 'RunContainerError':
    case 'CreateContainerError':
      return made('cannot-run', `cannot be started: ${message}`, cannotEverRun(message) ? 0 : passingNodeMs)
  }
  const crash = state?.terminated ?? (reason === 'CrashLoopBackOff' ? lastState?.terminated : undefined)
  if (!crash) return undefined
  const said = crash.message ?? ''
  if (crash.reason === 'StartError' || crash.reason === 'ContainerCannotRun') {
    return made('cannot-run', `cannot be started: ${said}`, cannotEverRun(said) ? 0 : passingNodeMs)
  }
  // One restart may be a dependency that came late. Ending twice is not.
  const again = restartCount >= 1
  const times = restartCount === 0 ? 'once' : `${restartCount + 1} times`
  if (crash.reason === 'OOMKilled') {
    return made('oom-killed', `ran out of its memory limit ${times}.`, again ? 0 : Infinity)
  }
  return made('crash-loop', `ended ${times}, ${exit(crash)}.`, again ? 0 : Infinity)
}

function exit({ exitCode, signal, reason }: { exitCode: number; signal?: number; reason?: string }): string {
  const why = reason && reason !== 'Error' && reason !== 'Completed' ? ` (${reason})` : ''
  if (exitCode === 0) return 'with exit code 0, although it should keep running'
  if (exitCode === 137) return `killed (exit code 137${why})`
  return signal ? `by signal ${signal}${why}` : `with exit code ${exitCode}${why}`
}

function pull(made: (kind: string, text: string, graceMs?: number) => Symptom, said: string): Symptom {
  const why = shorten(said)
  // A registry that cannot be reached at the moment also says "not found" of its host name.
  const passing =
    /no such host|i\/o timeout|connection refused|connection reset|deadline exceeded|\bEOF\b|\b50[0234]\b|server misbehaving/i
  if (!passing.test(said)) {
    if (/not found|manifest unknown|does not exist|no such image|name unknown/i.test(said)) {
      return made('image-missing', `has an image that its registry does not have: ${why}`)
    }
    if (/unauthorized|authentication required|access denied|denied:|forbidden|no basic auth/i.test(said)) {
      return made('image-forbidden', `may not pull its image: ${why}`)
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

function ofPod(pod: Pod, events: PodEvent[], mayGrow: boolean): Symptom | undefined {
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable') {
    const said = (words: RegExp) => events.some(({ reason = '' }) => words.test(reason))
    const graceMs = said(/^(TriggeredScaleUp|Nominated)$/)
      ? newNodeMs
      : mayGrow && !said(/^NotTriggerScaleUp$/)
        ? scalerAnswerMs
        : noRoomMs
    return {
      class: 'unschedulable',
      pod: pod.metadata.name,
      container: '',
      message: `Pod ${pod.metadata.name} finds no node: ${shorten(scheduled.message ?? '')}`,
      graceMs,
    }
  }
  const mount = events.findLast(({ reason }) => reason === 'FailedMount' || reason === 'FailedAttachVolume')
  const waiting = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
  const creating =
    waiting.length === 0 ||
    waiting.some(({ state }) => /ContainerCreating|PodInitializing/.test(state?.waiting?.reason ?? ''))
  if (mount && creating) {
    const missing = /(configmap|secret)s? .*not found|references non-existent (config|secret) key/i.test(
      mount.message ?? '',
    )
    return {
      class: missing ? 'config-missing' : 'volume-failing',
      pod: pod.metadata.name,
      container: '',
      message: `Pod ${pod.metadata.name} cannot have its volumes: ${shorten(mount.message ?? '')}`,
      graceMs: missing ? lateConfigMs : passingPullMs,
    }
  }
  return undefined
}

/** Running and not ready: how long that may last, the workload's own probes say. */
function notReady(
  pod: Pod,
  statuses: ContainerStatus[],
  template: PodTemplate,
  events: PodEvent[],
): Symptom | undefined {
  const status = statuses.find(({ ready, state }) => !ready && state?.running)
  if (!status) return undefined
  const container = template.spec.containers.find(({ name }) => name === status.name)
  const failing = events.findLast(
    ({ reason, message = '' }) => reason === 'Unhealthy' && /(Readiness|Startup) probe/.test(message),
  )
  return {
    class: 'not-ready',
    pod: pod.metadata.name,
    container: status.name,
    message: `Container ${status.name} of pod ${pod.metadata.name} runs, but does not become ready${failing ? `: ${shorten(failing.message ?? '')}` : '.'}`,
    graceMs: readyGraceMs(container, status.started ?? false),
  }
}

/**
 * How long a container may run without being ready. A startupProbe, or an initial delay, says how long a start takes;
 * where neither does, a start is given 45 s. After that readiness has to come within its own probe's patience.
 * @param started whether the startupProbe has passed: true as well when there is none
 */
export function readyGraceMs(container: Container | undefined, started: boolean): number {
  const { startupProbe, readinessProbe } = container ?? {}
  const patience = patienceMs(readinessProbe) + probeLagMs
  if (startupProbe) return started ? patience : patienceMs(startupProbe) + patience
  const declared = (readinessProbe?.initialDelaySeconds ?? 0) > 0
  return declared ? patience + patienceMs(readinessProbe) : Math.max(patience, undeclaredStartMs + patience)
}

/** From the container's start until the kubelet would call the probe failed. */
function patienceMs(probe: Probe | undefined): number {
  if (!probe) return 0
  const { initialDelaySeconds = 0, periodSeconds = 10, timeoutSeconds = 1, failureThreshold = 3 } = probe
  return (initialDelaySeconds + periodSeconds * failureThreshold + timeoutSeconds) * 1_000
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  // The kubelet's messages name the image first and the cause last.
  return line.length > 300 ? `${line.slice(0, 100)} ... ${line.slice(-195)}` : line
}
