import type { Conclusion } from '../outcome/outcome.ts'
import type { Entry } from '../release/ledger.ts'
import { compareVersions } from '../runbook/version.ts'
import type { Payload, ReleaseRequest } from '../targets/target.ts'
import { unchanged } from './deploy-end.ts'
import type { Held } from './tenure.ts'

interface Asked {
  request: ReleaseRequest
  payload: Payload
  held: Held
  /** When the deploy was asked for, before it waited for the lease: milliseconds since 1970. */
  startedAt: number
}

/**
 * Why a release is not begun after the one that serves: it is older, was overtaken while it waited, or serves already
 * as it is asked for. undefined when it may begin.
 */
export async function refuseRelease(
  { request, payload, held, startedAt }: Asked,
  serving: Entry | undefined,
): Promise<Conclusion | undefined> {
  if (!serving) return undefined
  const outputs = unchanged(serving.id, serving.image)
  const downgrade = refuseDowngrade(request.version, serving)
  if (downgrade) {
    const overtaken = Date.parse(serving.intendedAt) > startedAt
    if (!overtaken) return downgrade
    return {
      status: 'skipped',
      reason: 'superseded',
      summary: `${serving.version} was deployed while ${request.version} waited; nothing was changed.`,
      serving: serving.version,
      outputs,
    }
  }
  const live = await held.target.live()
  const isSame = compareVersions(request.version, serving.version) === 0
  if (!isSame || live.release !== serving.id || !live.ready) return undefined
  const recorded = await held.target.recall(serving.id)
  if (JSON.stringify(recorded?.body) !== JSON.stringify(payload.body)) return undefined
  return {
    status: 'success',
    reason: 'already-serving',
    summary: `${serving.version} (${serving.id}) serves already, with this very configuration.`,
    serving: serving.version,
    outputs,
  }
}

/** Why a version is not begun after the one that serves: it is older. undefined when it may begin. */
export function refuseDowngrade(version: string, serving: Entry | undefined): Conclusion | undefined {
  if (!serving || compareVersions(version, serving.version) >= 0) return undefined
  return {
    status: 'failure',
    reason: 'downgrade-refused',
    summary: `${version} is older than ${serving.version}, which serves; nothing was changed.`,
    next: `To go back, run rollback with to: ${version}.`,
    serving: serving.version,
    outputs: unchanged(serving.id, serving.image),
  }
}
