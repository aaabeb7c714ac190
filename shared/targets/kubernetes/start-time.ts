import type { Container, Probe } from './objects.ts'

/** A start that no startupProbe and no initial delay announce may still take this long. */
const undeclaredStartMs = 45_000
/** The kubelet probes on its own beat, and its answer has to travel. */
const probeLagMs = 3_000
/** A start may take so many times what the slowest one took that is known to have gone well. */
const slowerThanUsual = 4
/** Even where starts are quick, an answer that refuses has to stay the same for this long. */
const leastRefusalMs = 5_000

/** What is known of a container that runs and is not ready. */
export interface Start {
  container: Container | undefined
  /** Whether its startupProbe has passed: true as well when there is none. */
  started: boolean
  /** How long the slowest of the pods that did become ready took, milliseconds. */
  usualMs: number | undefined
  /** What the kubelet said last about its probe. */
  answer: string
}

/**
 * How long a container may run without being ready, milliseconds. A startupProbe, an initial delay, or a liveness probe
 * that begins late says how long a start takes; where none does it is given 45 s, and always some times what other pods of
 * the workload took. After that readiness has to come within its own probe's patience. Only a server that is up and
 * refuses the very question (404, say), where other pods became ready quickly, is given up sooner.
 */
export function readyGraceMs(start: Start): number {
  const { container, started, usualMs, answer } = start
  const { startupProbe, readinessProbe, livenessProbe } = container ?? {}
  const patience = patienceMs(readinessProbe) + probeLagMs
  const usual = usualMs === undefined ? 0 : usualMs * slowerThanUsual
  if (startupProbe) return started ? patience : Math.max(patienceMs(startupProbe) + patience, usual)
  const delay = readinessProbe?.initialDelaySeconds ?? 0
  const announced = delay > 0 ? patience + patienceMs(readinessProbe) : undeclaredStartMs + patience
  const alive = (livenessProbe?.initialDelaySeconds ?? 0) > 0 ? patienceMs(livenessProbe) : 0
  const grace = Math.max(announced, alive, usual)
  if (usualMs === undefined || delay > 0 || !refusesTheQuestion(answer)) return grace
  const twice = (2 * (readinessProbe?.periodSeconds ?? 10) + (readinessProbe?.timeoutSeconds ?? 1)) * 1_000
  return Math.min(grace, Math.max(twice, usual, leastRefusalMs))
}

/**
 * A server answers, and says that the question itself is wrong: the path is not there, the host or the credentials are not
 * right, it speaks another protocol. Time mends that only in servers that listen before they have anything to serve.
 */
function refusesTheQuestion(answer: string): boolean {
  const code = Number(/statuscode: (\d+)/.exec(answer)?.[1] ?? 0)
  // Timeout, too early, too many requests: come back later.
  if (code >= 400 && code < 500) return ![408, 425, 429].includes(code)
  return /server gave HTTP response to HTTPS client|does not implement the grpc health protocol|Unimplemented/.test(
    answer,
  )
}

/** From the container's start until the kubelet would call the probe failed. */
export function patienceMs(probe: Probe | undefined): number {
  if (!probe) return 0
  const { initialDelaySeconds = 0, periodSeconds = 10, timeoutSeconds = 1, failureThreshold = 3 } = probe
  return (initialDelaySeconds + periodSeconds * failureThreshold + timeoutSeconds) * 1_000
}
