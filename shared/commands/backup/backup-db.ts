import { messageOf, ToolError } from '../../outcome/errors.ts'
import type { Conclusion, Evidence, Outcome } from '../../outcome/outcome.ts'
import type { Manifest } from '../../backup/storage/manifest.ts'
import type { BackupPorts } from '../../backup/ports.ts'
import type { SigningKey } from '../../backup/encryption/signature.ts'
import { completeBackup, discardDump, takeDump, type Dumped } from '../../backup/dump/take.ts'
import { verifyBackup } from '../../backup/verify/verify.ts'
import { describeServer } from '../../integrations/database/postgres-url.ts'
import type { Environment } from '../../config/environment.ts'
import { showDuration, showSize } from '../../config/values.ts'
import { throughTunnel, type Address } from '../../targets/tunnel.ts'
import type { BackupDbInputs } from './backup-db-fields.ts'
import { planBackup, type BackupPlan } from './backup-plan.ts'
import { concludeBackup } from './backup-report.ts'
import { copyLedger, notCopied } from './copy-ledger.ts'
import type { Ports, TargetPorts } from '../step/ports.ts'
import { notProved, planRetaining, retain } from './retain.ts'
import { runStep, type Stopwatch } from '../step/step.ts'

/** Dumps the database from one snapshot, restores what was stored, compares, and only then counts it as a backup. */
export function backupDb(
  environment: Environment,
  inputs: BackupDbInputs,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'backup-db', service: environment.service, environment: environment.name }
  const tunnel = inputs.tunnel || environment.tunnels.database
  return runStep(subject, ports, 'backup-failed', watch =>
    throughTunnel(
      place => ports.openTunnel(place),
      tunnel,
      via => backUpThrough(via, environment, inputs, ports, watch),
    ),
  )
}

async function backUpThrough(
  via: Address | undefined,
  environment: Environment,
  inputs: BackupDbInputs,
  ports: TargetPorts,
  watch: Stopwatch,
): Promise<Conclusion> {
  const plan = await watch.time('prepare', () => planBackup(environment, inputs, ports, via))
  ports.log.info(
    `Backing up ${describeServer(plan.server)} to ${plan.store.uri} with pg_dump ${plan.programs.version}.`,
  )
  if (inputs['dry-run']) return dryRun(plan, ports)
  const manifest = await backUp(plan, ports, watch)
  const proved = manifest.verified.how === 'restore'
  const retained = proved
    ? await watch.time('retention', () => retain(plan, manifest.key, environment, ports))
    : notProved
  const copied = await copyOfLedger(environment, plan.signing, ports)
  return concludeBackup(plan, manifest, [retained, ...copied])
}

/** What the release before could not copy, as without credentials of the store, is copied now. */
async function copyOfLedger(
  environment: Environment,
  signing: SigningKey | undefined,
  ports: TargetPorts,
): Promise<Evidence[]> {
  if (!environment.backup) return []
  try {
    const target = await ports.openTarget()
    const { ledger } = await target.read()
    return await copyLedger(environment, target, { ledger, id: ledger.serving, signing }, ports)
  } catch (error) {
    ports.signal.throwIfAborted()
    return [notCopied(messageOf(error))]
  }
}

async function backUp(plan: BackupPlan, ports: Ports, watch: Stopwatch): Promise<Manifest> {
  const { store, keep } = plan
  const dumped = await watch.time('dump', () => takeDump(ports, plan))
  const { bytes, dumpedBytes, durationMs } = dumped.manifest
  ports.log.info(`Stored ${showSize(bytes)} of ${showSize(dumpedBytes)} in ${showDuration(durationMs)}.`)
  const manifest = await watch.time('verify', () => verify(plan, dumped, ports))
  const kept = { ...manifest, keep }
  await completeBackup(store, kept, plan.signing, ports.signal)
  return kept
}

async function verify(plan: BackupPlan, dumped: Dumped, ports: BackupPorts): Promise<Manifest> {
  const { store, verification, programs, sealing } = plan
  try {
    return await verifyBackup(
      ports,
      { store, opening: sealing, question: plan.query, isPart: plan.scope !== undefined, ...dumped },
      verification,
      programs,
    )
  } catch (error) {
    await dumped.close()
    await discardDump(store, dumped.manifest.key)
    if (!(error instanceof ToolError)) throw error
    const { message, tool, hint, stderr, code } = error
    throw new ToolError(`The backup could not be verified, and was not kept: ${message}`, {
      tool,
      hint,
      stderr,
      ...(code === undefined ? {} : { code }),
      cause: error,
      reason: 'backup-unverified',
    })
  }
}

async function dryRun(plan: BackupPlan, ports: TargetPorts): Promise<Conclusion> {
  const { server, store, programs, verification, taken, findings } = plan
  const proof = verification.how === 'restore' ? 'restored and compared' : `verified by: ${verification.how}`
  return {
    status: 'success',
    reason: 'dry-run',
    summary: `${describeServer(server)} would be dumped with pg_dump ${programs.version} to ${store.uri} and ${proof}; nothing was written.`,
    evidence: [
      { subject: 'store', finding: `${taken.size} backups of this environment are there`, tone: 'note' },
      await planRetaining(plan, plan.environment, ports),
      ...findings,
    ],
  }
}
