import { ToolError } from '../../outcome/errors.ts'
import type { Log } from '../../host/log.ts'
import { find, type Exception } from '../../release/ledger.ts'
import type { Payload, Target } from '../../targets/target.ts'

/** Id of the pre-deploy check that asks the same. */
const check = 'rollback-possible'

/**
 * Refuses a release that could not be rolled back to the one that is live, before anything is touched; logs what a
 * rollback could not simply set back.
 * @param exceptions checks whose failure is accepted for this release
 * @throws ToolError (`rollback-impossible`) that names what stands in the way
 */
export async function requireRollback(
  target: Target,
  planned: Payload,
  exceptions: Exception[],
  log: Log,
): Promise<void> {
  const { ledger } = await target.read()
  const good = find(ledger, ledger.serving)
  const recorded = good && (await target.recall(good.id))
  if (!recorded) return
  const { lacked, notes } = await target.planRollback(recorded, planned)
  for (const note of notes) log.info(`In a rollback to ${good.version} (${good.id}), ${note}.`)
  if (lacked.length === 0) return
  const what = `A rollback to ${good.version} (${good.id}) would have to ${lacked.join(', ')}, and this account may not`
  if (exceptions.some(each => each.check === check)) {
    log.warn(`${what}. The release goes on: ${check} is left out or accepted for it.`)
    return
  }
  throw new ToolError(what, {
    tool: target.place,
    reason: 'rollback-impossible',
    hint: `Add these rights to the Role in deployment/k8s/access, or take the objects out of the release; a release that must go out without a rollback accepts ${check} in its pre-deploy check.`,
  })
}
