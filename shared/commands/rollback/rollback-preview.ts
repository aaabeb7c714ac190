import type { Conclusion, Evidence } from '../../outcome/outcome.ts'
import { livesWith } from '../../release/floor.ts'
import { find, inPlace } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import { throughTunnel } from '../../targets/tunnel.ts'
import { attestRollback } from '../deploy/attestation.ts'
import { recallRecord } from './bring-back.ts'
import { lastGood, locate } from './destination.ts'
import type { TargetPorts } from '../step/ports.ts'
import { describeDifference } from '../inspect/release-diff.ts'
import type { RollbackInputs } from './rollback-fields.ts'

const nothing = { 'restored-release-id': '', verdict: 'nothing-to-restore' }

/** What a rollback would do, and what it would lose. Changes nothing, and takes no lease. */
export async function preview(
  environment: Environment,
  inputs: RollbackInputs,
  ports: TargetPorts,
): Promise<Conclusion> {
  const target = await ports.openTarget()
  const { ledger } = await target.read()
  const found = await locate(inputs.to, ledger, target)
  const from = inPlace(ledger)
  if (!found) {
    const summary = 'No good release is there to go back to.'
    return { status: 'failure', reason: 'nothing-to-restore', summary, outputs: nothing }
  }
  const entry = 'entry' in found ? found.entry : undefined
  if (entry && inputs.to !== lastGood) await attestRollback(environment, entry, ports)
  const evidence: Evidence[] = 'entry' in found ? [...found.notes] : []
  const payload = 'entry' in found ? await recallRecord(target, found.entry) : found.revision.payload
  const there = from && (await target.recall(from.id))
  if (there) evidence.push(...describeDifference('what would be taken back', target.compare(payload, there)))
  const version = 'entry' in found ? found.entry.version : found.revision.version
  if (inputs['with-db']) {
    const { planDatabase, refuseRevision } = await import('./with-database.ts')
    if (!entry) throw refuseRevision(inputs.to)
    const plan = await throughTunnel(
      place => ports.openTunnel(place),
      environment.tunnels.database,
      via => planDatabase(environment, ledger, entry, inputs, ports, via),
    )
    evidence.push(plan.loss)
  } else if (!livesWith(ledger.floor, version)) {
    const finding = `the database needs ${ledger.floor?.version ?? ''} or newer, so confirm would be asked for`
    evidence.push({ subject: 'schema', finding, tone: 'warn' })
  }
  const instead = from && from.id !== entry?.id ? ` instead of ${from.version} (${from.id})` : ''
  const withIt = inputs['with-db'] ? ', with its database' : ''
  return {
    status: 'success',
    reason: 'dry-run',
    summary: `${version}${entry ? ` (${entry.id})` : ''} would be brought back to ${target.place}${instead}${withIt}; nothing was changed.`,
    next: inputs['with-db'] ? `To do it, leave dry-run out and set confirm to ${environment.name}.` : '',
    serving: find(ledger, ledger.serving)?.version ?? '',
    evidence,
    outputs: nothing,
  }
}
