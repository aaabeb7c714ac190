import type { Conclusion } from '../../outcome/outcome.ts'
import { find, type Entry, type Ledger } from '../../release/ledger.ts'
import { sameVersionElse } from '../../release/same-version.ts'
import { compareVersions } from '../../config/version.ts'
import type { Payload, ReleaseRequest } from '../../targets/target.ts'
import { unchanged } from './deploy-end.ts'
import type { Held } from '../step/held-lock.ts'

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
  const moved = refuseMovedVersion(request, held.lock.ledger)
  if (moved) return moved
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

/**
 * Why a version is not released: this environment had it already, made of something else. A tag was moved, or the image
 * was built anew: neither was tested under that name. undefined when it may be released.
 */
export function refuseMovedVersion(
  { version, image }: Pick<ReleaseRequest, 'version' | 'image'>,
  ledger: Ledger,
): Conclusion | undefined {
  const before = sameVersionElse(ledger, version, image)
  if (!before) return undefined
  const serving = find(ledger, ledger.serving)
  return {
    status: 'failure',
    reason: 'version-moved',
    summary: `${version} was ${before.image} when it was released here as ${before.id}, and is ${image} now; nothing was changed.`,
    next: `Release what is new under a new version. To release ${before.id} again: deploy ${version} with image: ${before.image}.`,
    ...(serving ? { serving: serving.version } : {}),
    outputs: unchanged(serving?.id ?? null, serving?.image ?? ''),
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
