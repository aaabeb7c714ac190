import type { Conclusion } from '../../outcome/outcome.ts'
import type { Log } from '../../host/log.ts'
import type { Lease } from '../../release/lease.ts'
import type { ReleaseId } from '../../release/ledger.ts'
import type { Change, ReleaseRequest, Rollout } from '../../targets/target.ts'
import { detailLines } from '../inspect/release-diff.ts'
import { describeHolder } from '../step/held-lock.ts'
import { unlockAdvice } from '../operate/unlock.ts'

/** Lines of a plan that are shown in all, so that a release of a thousand objects can be read. */
const planLines = 1_000

/** The plan with as many of its diffs as can be read. */
function readable(plan: Change[]): { shown: Change[]; unchanged: number; cut: number } {
  const changed = plan.filter(({ action, diff, notes }) => action !== 'none' || (diff ?? notes) !== undefined)
  let lines = 0
  let cut = 0
  const shown = changed.map(change => {
    const size = change.diff?.split('\n').length ?? 0
    if (lines + size <= planLines) {
      lines += size
      return change
    }
    cut++
    const { diff: _long, ...rest } = change
    return rest
  })
  return { shown, unchanged: plan.length - changed.length, cut }
}

/** Shows what is about to be changed, before it is. */
export function showPlan(plan: Change[], log: Log): Promise<void> {
  const { shown, unchanged, cut } = readable(plan)
  return log.group(`What changes: ${shown.length} of ${plan.length} objects`, () => {
    for (const change of shown) {
      log.info(`${change.action} ${change.object}`)
      for (const line of detailLines(change)) log.info(`  ${line}`)
    }
    if (unchanged > 0) log.info(`${unchanged} stay as they are.`)
    if (cut > 0) log.info(`The diffs of ${cut} more are left out.`)
    return Promise.resolve()
  })
}

/** What a deploy would do. */
export function dryRun(request: ReleaseRequest, place: string, plan: Change[]): Conclusion {
  const changed = plan.filter(({ action }) => action !== 'none')
  return {
    status: 'success',
    reason: 'dry-run',
    summary: `${request.version} would change ${changed.length} of ${plan.length} objects in ${place}; nothing was changed.`,
    evidence: readable(plan).shown.map(change => ({
      subject: change.object,
      finding: change.action,
      tone: 'note',
      ...(detailLines(change).length > 0 ? { detail: detailLines(change).join('\n') } : {}),
    })),
    outputs: unchanged(null, request.image),
  }
}

/** The outputs of a deploy that left everything as it was. */
export function unchanged(serving: ReleaseId | null, image: string): Record<string, string> {
  const id = serving ?? ''
  return {
    'release-id': id,
    'previous-release-id': id,
    'image-digest': image.split('@')[1] ?? '',
    changed: 'false',
    'longest-gap-ms': '',
    'failed-requests': '',
  }
}

/** Another run has the environment. */
export function leaseHeld(environment: string, lease: Lease, now: number): Conclusion {
  return {
    status: 'failure',
    reason: 'lease-held',
    summary: `The environment is locked by ${describeHolder(lease, now)}; nothing was changed.`,
    next: `Run this again when that run has ended, or raise timeout to wait longer. ${unlockAdvice(environment, lease)}`,
  }
}

/** How a rollout ended, and what happens next without an operator. */
export function concludeRollout(
  rollout: Rollout,
  id: ReleaseId,
  version: string,
  place: string,
  previous: ReleaseId | null,
): Conclusion {
  if (rollout.kind === 'ready') {
    return {
      status: 'success',
      reason: 'done',
      summary: `${version} (${id}) is ready in ${place}. It counts as good once this job has succeeded.`,
      serving: version,
    }
  }
  return {
    status: 'failure',
    reason: rollout.kind === 'doomed' ? 'rollout-doomed' : 'rollout-deadline',
    summary: `${version} (${id}) does not become ready: ${rollout.cause.message}`,
    next: previous
      ? `Nothing to do for the service: the rollback step of this run restores ${previous}. Fix the cause and release again.`
      : 'This was the first release, so there is nothing to roll back to. Fix the cause and release again.',
    cause: rollout.cause.class,
    evidence: rollout.cause.evidence,
  }
}
