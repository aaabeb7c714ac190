import type { Outcome } from '../../outcome/outcome.ts'
import { describeDifference, liveVersions } from '../../release/receiver.ts'
import type { TargetPorts } from '../step/ports.ts'

/** A target that answers at all answers sooner; one that does not must not keep a step from ending, milliseconds. */
const lookMs = 10_000

/** Ends of steps that have just seen the release receive traffic that they name. */
const proven = new Set<Outcome['reason']>(['done', 'restored', 'restored-unverified', 'settled-good'])
/** Ends before anything was looked at or touched. */
const before = new Set<Outcome['reason']>(['input-invalid', 'bug'])

/**
 * The end of a step that changes an environment, with what receives traffic as the target itself shows it: a step that did
 * not do all that it was for knows only what should be live. Where the target does not answer, nothing is named.
 * @param ports of the step; a cancelled one looks all the same
 */
export async function withLiveRelease(ending: Promise<Outcome>, ports: TargetPorts): Promise<Outcome> {
  const outcome = await ending
  const { reason, status } = outcome
  const isProven = proven.has(reason) && (status === 'success' || status === 'inconclusive')
  if (isProven || before.has(reason)) return outcome
  const seen = await look(ports)
  if (!seen) return { ...outcome, serving: '' }
  const { serving, difference } = seen
  if (difference === '') return { ...outcome, serving }
  const restored = outcome.outputs['restored-release-id'] === undefined ? {} : { 'restored-release-id': '' }
  return {
    ...outcome,
    serving,
    evidence: [{ subject: 'live', finding: difference, tone: 'bad' }, ...outcome.evidence],
    outputs: { ...outcome.outputs, ...restored },
  }
}

async function look(ports: TargetPorts): Promise<{ serving: string; difference: string } | undefined> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new Error('the target did not answer in time')), lookMs)
  try {
    const target = await ports.under(late.signal).openTarget()
    const [{ ledger }, receivers] = await Promise.all([target.read(), target.receivers()])
    return {
      serving: liveVersions(ledger, receivers),
      difference: describeDifference(ledger, receivers),
    }
  } catch (error) {
    ports.log.debug(`What is live could not be read: ${String(error)}`)
    return undefined
  } finally {
    clearTimeout(timer)
  }
}
