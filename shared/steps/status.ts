import type { Evidence, Outcome } from '../outcome/outcome.ts'
import { describeHold } from '../release/hold.ts'
import { find, inPlace, unsettled, type Entry, type Ledger } from '../release/ledger.ts'
import type { Environment } from '../runbook/environment.ts'
import { showMinute } from '../runbook/values.ts'
import type { Drift } from '../targets/target.ts'
import { commonFields, targetFields, type Fields, type Inputs } from './inputs.ts'
import type { TargetPorts } from './ports.ts'
import { runStep } from './step.ts'
import { describeHolder } from './tenure.ts'

export const statusFields = { ...commonFields, ...targetFields } satisfies Fields

/**
 * What serves, since when and by whom; who holds the lease and until when; a hold; what is unfinished; and what somebody
 * changed by hand. Changes nothing.
 */
export function status(
  environment: Environment,
  _inputs: Inputs<typeof statusFields>,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'status', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'tool-failed', async () => {
    const target = await ports.openTarget()
    const [{ ledger, lease }, live] = await Promise.all([target.read(), target.live()])
    const serving = find(ledger, ledger.serving)
    const evidence: Evidence[] = []
    if (ledger.hold) {
      evidence.push({ subject: 'hold', finding: describeHold(ledger.hold), tone: 'warn' })
    }
    if (lease) {
      evidence.push({ subject: 'lease', finding: describeHolder(lease, ports.clock.now()), tone: 'note' })
    }
    const unfinished = describeUnfinished(ledger)
    if (unfinished) evidence.push({ subject: 'unfinished', finding: unfinished, tone: 'warn' })
    // In the middle of a change, what is there is nobody's work but this suite's.
    const drift = serving && !unfinished ? await target.drift() : []
    evidence.push(...drift.map(describeDrift))
    const left = serving ? undefined : inPlace(ledger)
    if ((serving ?? left) && !unfinished && !live.ready) {
      evidence.push({ subject: 'live', finding: `${live.image || 'nothing'} is not ready`, tone: 'bad' })
    }
    return {
      status: 'success',
      reason: 'done',
      summary: serving
        ? `${describeServing(serving)} in ${target.place}${drift.length > 0 ? ', but not as it was released' : ''}.`
        : left && !unfinished
          ? `No release in ${target.place} is good yet. ${describeLeft(left)}.`
          : `No release in ${target.place} is good yet.`,
      next: next(environment.name, ledger, unfinished, drift),
      serving: serving?.version ?? '',
      evidence,
      outputs: {
        'release-id': serving?.id ?? '',
        version: serving?.version ?? '',
        image: live.image,
        ready: String(live.ready),
        drifted: String(drift.length > 0),
        'lease-holder': lease?.holder.title ?? '',
        'lease-until': lease ? new Date(lease.deadline).toISOString() : '',
        hold: ledger.hold ? describeHold(ledger.hold) : '',
        unfinished,
      },
    }
  })
}

function describeServing({ id, version, settledAt, intendedAt, by, runUrl }: Entry): string {
  const where = runUrl ? ` (${runUrl})` : ''
  return `${version} (${id}) serves since ${showMinute(settledAt ?? intendedAt)}, by ${by || 'somebody'}${where}`
}

/** Nothing good precedes it: so it was left as it was. */
function describeLeft({ id, version, because, settledAt }: Entry): string {
  const since = settledAt ? `, since ${showMinute(settledAt)}` : ''
  return `${version} (${id}) failed and was left as it is${since}${because ? `: ${because}` : ''}`
}

function describeUnfinished(ledger: Ledger): string {
  const open = unsettled(ledger)
  if (open) return `${open.version} (${open.id}) is ${open.state} since ${showMinute(open.intendedAt)}`
  const { restoring, serving } = ledger
  if (!restoring) return ''
  const withIt = restoring.database ? `, with the database of ${restoring.database.backup}` : ''
  return `${serving} is being brought back since ${showMinute(restoring.since)}${withIt}`
}

function describeDrift({ object, what, by }: Drift): Evidence {
  return { subject: object, finding: `${what}${by ? `, by ${by}` : ''}`, tone: 'warn' }
}

function next(environment: string, ledger: Ledger, unfinished: string, drift: Drift[]): string {
  if (ledger.hold) return `To end the hold: runbook resume ${environment}`
  if (unfinished) return `If its run is gone: runbook settle ${environment}`
  if (ledger.serving === null && ledger.entries.length > 0)
    return `Release a version that works, or bring one back by its name: runbook rollback ${environment} ID`
  if (drift.length > 0) {
    return `What somebody changed stays until the next release or rollback. To undo it now: runbook rollback ${environment} --to ${ledger.serving}`
  }
  return ''
}
