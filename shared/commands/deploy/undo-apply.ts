import { InputError, ToolError } from '../../outcome/errors.ts'
import type { Conclusion, Evidence } from '../../outcome/outcome.ts'
import type { Reason } from '../../outcome/reasons.ts'
import { closeBad, find, type ReleaseId } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import type { Change, Payload, ReleaseRequest } from '../../targets/target.ts'
import { bringBack } from '../rollback/bring-back.ts'
import type { TargetPorts } from '../step/ports.ts'
import { detailLines, refusedOf } from '../inspect/release-diff.ts'
import type { Stopwatch } from '../step/step.ts'
import type { Held } from '../step/held-lock.ts'

export interface Undoing {
  environment: Environment
  ports: TargetPorts
  watch: Stopwatch
  request: ReleaseRequest
  payload: Payload
  held: Held
  timeoutMs: number
}

/** True for an answer that says no; a lease that is lost or kept away by an operator leaves nothing to undo here. */
export function isRefusal(error: unknown): error is InputError | ToolError {
  return error instanceof InputError || error instanceof ToolError
}

/**
 * An object was refused while a release was applied: what had been applied is taken back at once. The lease is given
 * back, and a rollback after it finds nothing to do.
 * @throws the refusal itself when it cannot be undone: then the release stays unfinished, for rollback or settle
 */
export async function undoApply(
  work: Undoing,
  id: ReleaseId,
  refusal: InputError | ToolError,
): Promise<Conclusion> {
  const { ports, held, watch, request } = work
  ports.log.warn(`${refusal.message} What was applied is taken back.`)
  try {
    const { changes, evidence } = await watch.time('undo', () => takeBack(work, id, refusal))
    await held.giveBack()
    const { serving } = held.lock.ledger
    const back = find(held.lock.ledger, serving)
    const left = refusedOf(changes)
    const names = left.map(({ object }) => object).join(', ')
    const but = left.length > 0 ? `, but ${names} could not be restored` : ''
    const remedies = left.map(({ object, remedy }) => `${object}: ${remedy}`).join(' ')
    const stands = back
      ? `${back.version} (${back.id}) serves as before`
      : `it was the first release, and what it had made is removed`
    return {
      status: 'failure',
      reason: 'apply-undone',
      summary: `${request.version} (${id}) was refused half-way, and undone: ${stands}${but}. ${refusal.message}`,
      next: `${remedies || 'Nothing to do for the service.'} ${refusal.hint}`,
      serving: back?.version ?? '',
      evidence: [...refused(refusal), ...evidence, ...changes.map(toEvidence)],
    }
  } catch (error) {
    if (!isRefusal(error) || held.signal.aborted) throw error
    ports.log.error(`It could not be undone yet: ${error.message} The rollback step tries again.`)
    throw refusal
  }
}

/**
 * What a release needs could not be made, and nothing that runs was touched: the release is closed, the lock is released,
 * and there is nothing to undo.
 */
export async function refuseUnprepared(
  { ports, held, request }: Pick<Undoing, 'ports' | 'held' | 'request'>,
  id: ReleaseId,
  refusal: InputError | ToolError,
): Promise<Conclusion> {
  const { lock } = held
  const at = new Date(ports.clock.now()).toISOString()
  await lock.update(ledger =>
    closeBad(ledger, id, at, `refused before anything was changed: ${refusal.message}`),
  )
  await held.giveBack()
  const live = find(lock.ledger, lock.ledger.serving)
  const stands = live ? `${live.version} (${live.id}) is live as before` : 'nothing that runs was touched'
  return {
    status: 'failure',
    reason: reasonOfRefusal(refusal),
    summary: `${request.version} (${id}) was refused before anything was changed: ${refusal.message} ${sentence(stands)}`,
    next: refusal.hint,
    serving: live?.version ?? '',
    evidence: refused(refusal),
  }
}

function reasonOfRefusal(refusal: InputError | ToolError): Reason {
  if (refusal instanceof InputError) return 'input-invalid'
  return refusal.reason ?? 'release-not-made'
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

async function takeBack(
  work: Undoing,
  id: ReleaseId,
  refusal: InputError | ToolError,
): Promise<{ changes: Change[]; evidence: Evidence[] }> {
  const { environment, ports, held, payload, timeoutMs } = work
  const { lock } = held
  const because = `refused while it was applied: ${refusal.message}`
  const back = find(lock.ledger, lock.ledger.serving)
  if (back) {
    const { changes, rollout, evidence } = await bringBack({
      environment,
      ports,
      held,
      back,
      because,
      trigger: 'failed-release',
      timeoutMs,
      databaseUrl: '',
    })
    if (rollout.kind === 'ready') {
      const told = changes.filter(({ action, notes, refused }) => action !== 'none' || (notes ?? refused))
      return { changes: told, evidence }
    }
    throw new ToolError(`${back.version} is not ready again: ${rollout.cause.message}`, {
      tool: held.target.place,
      hint: 'The rollback step goes on with it.',
    })
  }
  const removed = await lock.retract(id, payload)
  for (const { action, object } of removed) ports.log.info(`${action} ${object}`)
  const at = new Date(ports.clock.now()).toISOString()
  await lock.update(ledger => closeBad(ledger, id, at, because))
  return { changes: removed, evidence: [] }
}

function refused(refusal: InputError | ToolError): Evidence[] {
  const detail = refusal instanceof ToolError ? refusal.stderr : ''
  return [
    {
      subject: 'refusal',
      finding: refusal.message,
      tone: 'bad',
      ...(detail === '' ? {} : { detail }),
    },
  ]
}

function toEvidence(change: Change): Evidence {
  const { object, action, refused } = change
  if (refused) {
    const finding = `could not be restored: ${refused.why}`
    return { subject: object, finding, tone: 'bad', detail: refused.remedy }
  }
  return {
    subject: object,
    finding: `${action} to undo it`,
    tone: 'note',
    ...(detailLines(change).length > 0 ? { detail: detailLines(change).join('\n') } : {}),
  }
}
