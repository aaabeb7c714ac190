import type { Belongings } from '../apply/belongings.ts'
import { conditionOf } from '../rollout/progress.ts'
import type { Symptom } from '../rollout/symptom.ts'
import type { Workload } from '../rollout/workload.ts'

/** The controller tries again after a refusal; a quota may become free when old pods end. */
const quotaMs = 5_000
/** A webhook that cannot be reached at the moment. */
const webhookMs = 30_000
/** An account, a class or a claim that is named may be made a moment later. */
const lateObjectMs = 4_000

/** The cluster does not let the controller make pods: quota, policy, webhooks. */
export function refusal(workload: Workload, belongings: Belongings): Symptom | undefined {
  const said = saidByController(workload) ?? saidInEvents(workload, belongings)
  if (said === undefined) return undefined
  const made = (kind: string, text: string, graceMs = 0): Symptom => ({
    class: kind,
    pod: '',
    container: '',
    message: `${text}: ${said}`,
    graceMs,
  })
  if (/exceeded quota|maximum .* usage per|failed quota/i.test(said))
    return made('quota', 'No pod may be made', quotaMs)
  if (
    /failed calling webhook|timeout|timed out|connection refused|internal error|object has been modified/i.test(
      said,
    )
  ) {
    return made('admission', 'No pod can be made', webhookMs)
  }
  if (/not found/i.test(said)) return made('admission', 'No pod can be made', lateObjectMs)
  return made('admission', 'No pod may be made')
}

/** A Deployment has it as a condition. */
function saidByController(workload: Workload): string | undefined {
  const failure = conditionOf(workload, 'ReplicaFailure')
  return failure?.status === 'True' ? (failure.message ?? '') : undefined
}

/**
 * Other kinds tell it in events alone, which stay when it is over: one counts that is of the present revision, and after
 * which no pod was made.
 */
function saidInEvents(workload: Workload, { pods, eventsOf }: Belongings): string | undefined {
  if (workload.kind === 'Deployment') return undefined
  const failure = eventsOf(workload.metadata.uid ?? '').findLast(({ reason }) => reason === 'FailedCreate')
  // The cluster writes whole seconds.
  const at = Date.parse(failure?.at ?? '') + 1_000
  if (!failure || at < workload.changedAt) return undefined
  const made = pods.some(({ metadata }) => Date.parse(metadata.creationTimestamp ?? '') >= at)
  return made ? undefined : failure.message
}
