import type { Evidence, Outcome } from '../outcome/outcome.ts'
import { find, unsettled, type Entry } from '../release/ledger.ts'
import type { Environment } from '../runbook/environment.ts'
import { commonFields, targetFields, type Fields, type Inputs } from './inputs.ts'
import type { TargetPorts } from './ports.ts'
import { runStep } from './step.ts'
import { describeHolder } from './tenure.ts'

export const statusFields = { ...commonFields, ...targetFields } satisfies Fields

/** What serves, since when and by whom, what is unfinished, and who holds the lease. Changes nothing. */
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
    const open = unsettled(ledger)
    const drift = serving && !open && live.release !== serving.id
    const evidence: Evidence[] = ledger.entries.toReversed().map(describe)
    if (lease)
      evidence.unshift({ subject: 'lease', finding: describeHolder(lease, ports.clock.now()), tone: 'note' })
    if (drift) {
      const finding = `the ledger says ${serving.id}, the workload says ${live.release ?? 'nothing'} (${live.image})`
      evidence.unshift({ subject: 'live', finding, tone: 'warn' })
    }
    return {
      status: 'success',
      reason: 'done',
      summary: serving
        ? `${serving.version} (${serving.id}) serves ${target.place} since ${serving.settledAt ?? serving.intendedAt}, by ${serving.by || 'somebody'}.`
        : `Nothing was deployed to ${target.place} by this suite yet.`,
      next: open
        ? `${open.version} (${open.id}) is unfinished (${open.state}). If its run is gone: runbook rollback ${environment.name} --settle`
        : '',
      serving: serving?.version ?? '',
      evidence,
    }
  })
}

function describe({ id, version, state, settledAt, intendedAt, by, because, runUrl }: Entry): Evidence {
  const why = because ? `: ${because}` : ''
  const where = runUrl ? ` ${runUrl}` : ''
  return {
    subject: `${id} ${version}`,
    finding: `${state}${why}, ${settledAt ?? intendedAt}, by ${by || 'somebody'}${where}`,
    tone: state === 'good' ? 'good' : state === 'bad' ? 'bad' : 'note',
  }
}
