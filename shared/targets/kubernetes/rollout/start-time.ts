import type { Container, Probe } from '../manifests/objects.ts'

/** A first start that no startupProbe and no initial delay announce may still take this long. */
const undeclaredStartMs = 45_000
/** The kubelet probes on its own beat, and its answer has to travel. */
const probeLagMs = 3_000
/** A start may take so many times what the slowest one took that is known to have gone well. */
const slowerThanUsual = 3
/** Even where starts were quick, an answer that refuses has to stay the same for this long, and for a second probe. */
const leastRefusalMs = 1_500
/** The same for a server's own error. */
const leastErrorMs = 3_000

/** What is known of a container that runs and is not ready. */
export interface Start {
  container: Container | undefined
  /** Whether its startupProbe has passed: true as well when there is none. */
  started: boolean
  /** How long the slowest of the workload's starts took that went well, milliseconds; undefined when none is known. */
  usualMs: number | undefined
  /** What the kubelet reported last about its probe; empty when it reported nothing. */
  answer: string
  /** How many times the kubelet reported that. */
  times: number
  /** It was ready since it started: its probe can pass, so that no answer to it is final. */
  wasReady: boolean
}

/**
 * How long a container may run without being ready, milliseconds.
 *
 * - A startupProbe that has not passed: its own patience, as the kubelet has it, then that of the readinessProbe.
 * - After it has passed: the readinessProbe's patience; less where the answer is final.
 * - Without one, where earlier starts of the workload are known: 3 times the slowest of them; about as long as the slowest
 *   where the answer is final. While it is open, no less than what an initial delay, or a livenessProbe that begins late,
 *   announces, else 45 s, until the next probe can see it: however quick earlier starts were, this one may have something
 *   to do that they had not (a cache to fill, a wait for a peer), and the previous release receives the traffic meanwhile.
 * - Where none is known: the same, and the readinessProbe's patience.
 */
export function readyGraceMs(start: Start): number {
  const { container, started, usualMs, answer, times, wasReady } = start
  const { startupProbe, readinessProbe, livenessProbe } = container ?? {}
  const patience = patienceMs(readinessProbe)
  const final = times > 1 && !wasReady ? finality(answer) : 'open'
  if (startupProbe && started)
    return final === 'open' ? patience + probeLagMs : Math.min(patience + probeLagMs, leastMs[final])
  const usual = usualMs === undefined ? 0 : usualMs * slowerThanUsual
  if (startupProbe) return Math.max(patienceMs(startupProbe) + patience + probeLagMs, usual)
  if (usualMs !== undefined && final !== 'open')
    return Math.max(final === 'refusal' ? usualMs : 1.5 * usualMs, leastMs[final])
  const announced = (readinessProbe?.initialDelaySeconds ?? 0) > 0 ? patience : undeclaredStartMs
  const alive = (livenessProbe?.initialDelaySeconds ?? 0) > 0 ? patienceMs(livenessProbe) : 0
  const seen = usualMs === undefined ? patience : oncePeriodMs(readinessProbe)
  return Math.max(announced + seen + probeLagMs, alive, usual)
}

/** What a probe takes to see a change. */
function oncePeriodMs(probe: Probe | undefined): number {
  return probe ? patienceMs({ ...probe, initialDelaySeconds: 0, failureThreshold: 1 }) : 0
}

/**
 * What the answer to a probe lets one expect of the next. `refusal`: a server is up, and the question itself is wrong (the
 * path, the host, the credentials, the protocol). `error`: a server is up, and fails. `open`: nothing listens yet, or what
 * answers asks for more time, or stands before something that does not answer yet.
 */
type Finality = 'refusal' | 'error' | 'open'

const leastMs = { refusal: leastRefusalMs, error: leastErrorMs }

function finality(answer: string): Finality {
  const code = Number(/statuscode: (\d+)/.exec(answer)?.[1] ?? 0)
  // Timeout, too early, too many requests: come back later.
  if (code >= 400 && code < 500) return [408, 425, 429].includes(code) ? 'open' : 'refusal'
  // A proxy before a service that does not answer yet; a service that is not ready.
  if (code >= 500) return [502, 503, 504].includes(code) ? 'open' : 'error'
  const wrong =
    /server gave HTTP response to HTTPS client|does not implement the grpc health protocol|Unimplemented/
  return wrong.test(answer) ? 'refusal' : 'open'
}

/** From the container's start until the kubelet would call the probe failed. */
function patienceMs(probe: Probe | undefined): number {
  if (!probe) return 0
  const { initialDelaySeconds = 0, periodSeconds = 10, timeoutSeconds = 1, failureThreshold = 3 } = probe
  return (initialDelaySeconds + periodSeconds * failureThreshold + timeoutSeconds) * 1_000
}
