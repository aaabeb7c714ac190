import type { Belongings } from '../apply/belongings.ts'
import { containerTrouble, lastProbe } from './container-trouble.ts'
import { podTrouble } from './pod-trouble.ts'
import type { Pod, PodEvent } from './pods.ts'
import { readyGraceMs } from './start-time.ts'
import { shorten, type Known, type Symptom } from './symptom.ts'

/** What keeps a pod of the new revision from becoming ready; undefined while it is only on its way. */
export function symptomOf(
  pod: Pod,
  { eventsOf, eventsOfClaim }: Pick<Belongings, 'eventsOf' | 'eventsOfClaim'>,
  known: Known,
): Symptom | undefined {
  const events = eventsOf(pod.metadata.uid)
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {}
  const unfinished = initContainerStatuses.filter(({ state }) => state?.terminated?.exitCode !== 0)
  for (const status of [...unfinished, ...containerStatuses]) {
    const found = containerTrouble(pod, status, events, known)
    if (found) return found
  }
  return podTrouble(pod, events, eventsOfClaim, known) ?? notReady(pod, events, known)
}

/** The condition of a pod that was never ready dates from before its containers ran; times are in whole seconds. */
function wasReady({ status }: Pod): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  const starts = (status?.containerStatuses ?? []).map(({ state }) =>
    Date.parse(state?.running?.startedAt ?? ''),
  )
  return Date.parse(ready?.lastTransitionTime ?? '') > Math.min(...starts)
}

/** Running and not ready: how long that may last, the workload's own probes say. */
function notReady(pod: Pod, events: PodEvent[], known: Known): Symptom | undefined {
  const { name } = pod.metadata
  const { containerStatuses = [], conditions = [] } = pod.status ?? {}
  const status = containerStatuses.find(({ ready, state }) => !ready && state?.running)
  if (status) {
    const container = known.template.spec.containers.find(each => each.name === status.name)
    const { answer, times } = lastProbe(events, status.name)
    const { usualMs } = known
    const started = status.started ?? false
    return {
      class: 'not-ready',
      pod: name,
      container: status.name,
      message: `Container ${status.name} of pod ${name} runs, but does not become ready${answer ? `: ${shorten(answer)}` : '.'}`,
      graceMs: readyGraceMs({ container, started, usualMs, answer, times, wasReady: wasReady(pod) }),
      // A container that has just passed its startupProbe has all of the readinessProbe's time before it.
      stage: started ? 'started' : 'starting',
    }
  }
  const gate = conditions.find(
    ({ type, status: value, reason }) =>
      type === 'Ready' && value === 'False' && reason === 'ReadinessGatesNotReady',
  )
  if (!gate) return undefined
  return {
    class: 'readiness-gate',
    pod: name,
    container: '',
    message: `Pod ${name} is well, but a readiness gate is not open: ${shorten(gate.message ?? '')}`,
    graceMs: Infinity,
  }
}
