import type { Evidence, Outcome } from '../outcome/outcome.ts'
import type { Act, Entry, Ledger } from '../release/ledger.ts'
import type { Environment } from '../runbook/environment.ts'
import { showMinute } from '../runbook/values.ts'
import { commonFields, targetFields, type Fields, type Inputs } from './inputs.ts'
import type { TargetPorts } from './ports.ts'
import { runStep } from './step.ts'

export const historyFields = { ...commonFields, ...targetFields } satisfies Fields

/** Every release that the ledger remembers and what operators did, newest first. Changes nothing. */
export function history(
  environment: Environment,
  _inputs: Inputs<typeof historyFields>,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'history', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'tool-failed', async () => {
    const target = await ports.openTarget()
    const { ledger } = await target.read()
    const { entries, acts } = ledger
    return {
      status: 'success',
      reason: 'done',
      summary: `${entries.length} releases and ${acts.length} acts of operators in ${target.place}, newest first.`,
      evidence: describeHistory(ledger),
      outputs: { ledger: JSON.stringify(ledger) },
    }
  })
}

/** A ledger as lines for people, newest first. Releases keep their order, also where the clocks of runs disagree. */
export function describeHistory({ entries, acts, serving }: Ledger): Evidence[] {
  const lines: Evidence[] = []
  let left = acts.toReversed()
  for (const entry of entries.toReversed()) {
    const since = left.filter(({ at }) => at >= entry.intendedAt)
    left = left.filter(({ at }) => at < entry.intendedAt)
    lines.push(...since.map(describeAct), describeEntry(entry, serving))
  }
  return [...lines, ...left.map(describeAct)]
}

function describeEntry(entry: Entry, serving: Entry['id'] | null): Evidence {
  const { id, version, state, because, gate, smoke, by, run, runUrl, intendedAt, settledAt, backup } = entry
  const facts = [
    `${state}${id === serving ? ', serves' : ''}`,
    `by ${by || 'somebody'}`,
    `${showMinute(intendedAt)}${settledAt ? ` to ${showMinute(settledAt)}` : ''}`,
    gate === undefined ? (state === 'good' && id !== 'r0' ? 'ungated' : '') : `gate ${gate}`,
    smoke === undefined ? '' : `smoke ${smoke}`,
    backup === undefined ? '' : `backup ${backup}`,
    runUrl || run,
  ]
  return {
    subject: `${id} ${version}`,
    finding: facts.filter(Boolean).join(', '),
    tone: tones[state],
    ...(because === undefined ? {} : { detail: because }),
  }
}

function describeAct({ kind, by, because, at, ended }: Act): Evidence {
  const facts = [`by ${by}`, showMinute(at), ended === undefined ? '' : `ended the lease of ${ended}`]
  return {
    subject: kind,
    finding: facts.filter(Boolean).join(', '),
    tone: 'note',
    ...(because === '' ? {} : { detail: because }),
  }
}

const tones: Record<Entry['state'], Evidence['tone']> = {
  intended: 'warn',
  applied: 'warn',
  ready: 'warn',
  good: 'good',
  bad: 'bad',
  withdrawn: 'note',
}
