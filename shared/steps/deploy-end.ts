import type { Conclusion } from '../outcome/outcome.ts'
import type { ReleaseId } from '../release/ledger.ts'
import type { Change, ReleaseRequest, Rollout } from '../targets/target.ts'

/** What a deploy would do. */
export function dryRun(request: ReleaseRequest, place: string, plan: Change[]): Conclusion {
  const changed = plan.filter(({ action }) => action !== 'none')
  return {
    status: 'success',
    reason: 'dry-run',
    summary: `${request.version} would change ${changed.length} of ${plan.length} objects in ${place}; nothing was changed.`,
    evidence: plan.map(({ object, action, diff }) => ({
      subject: object,
      finding: action,
      tone: 'note',
      ...(diff ? { detail: diff } : {}),
    })),
    outputs: {
      'release-id': '',
      'previous-release-id': '',
      'image-digest': request.image.split('@')[1] ?? '',
      changed: 'false',
    },
  }
}

/** Another run has the environment. */
export function leaseHeld(holder: string): Conclusion {
  return {
    status: 'failure',
    reason: 'lease-held',
    summary: `The environment is held by ${holder}; nothing was changed.`,
    next: 'Run this again when it has ended, or raise timeout to wait longer.',
  }
}

/** How a rollout ended, and what happens next without anybody's doing. */
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
      ? `Nothing to do for the service: the rollback step of this run brings ${previous} back. Mend the cause and release again.`
      : 'This was the first release, so there is nothing to go back to. Mend the cause and release again.',
    evidence: rollout.cause.evidence,
  }
}
