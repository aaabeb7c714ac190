import { messageOf, ToolError } from '../outcome/errors.ts'
import type { Conclusion, Evidence, Outcome } from '../outcome/outcome.ts'
import { acceptedRecipients } from '../backup/age.ts'
import type { Manifest } from '../backup/manifest.ts'
import type { BackupPorts } from '../backup/ports.ts'
import { acceptedQuery } from '../backup/question.ts'
import { acceptedSchemas, acceptedTables } from '../backup/scope.ts'
import { acceptedDestinations } from '../backup/open-store.ts'
import { completeBackup, discardDump, takeDump, type Dumped } from '../backup/take.ts'
import { verifyBackup } from '../backup/verify.ts'
import { describeServer } from '../platform/postgres-url.ts'
import type { Environment } from '../runbook/environment.ts'
import { showDuration, showSize } from '../runbook/values.ts'
import { throughTunnel, type Address } from '../targets/tunnel.ts'
import { planBackup, type BackupPlan } from './backup-plan.ts'
import { concludeBackup } from './backup-report.ts'
import { copyLedger } from './copy-ledger.ts'
import {
  choice,
  commonFields,
  duration,
  flag,
  secret,
  size,
  targetFields,
  text,
  tunnelFields,
  whole,
  type Fields,
  type Inputs,
  type Outputs,
} from './inputs.ts'
import type { Ports, TargetPorts } from './ports.ts'
import { notProved, planRetaining, retain } from './retain.ts'
import { runStep, type Stopwatch } from './step.ts'

const databaseUrl = 'a URL like postgresql://user:password@host:5432/database?sslmode=require'

export const backupDbFields = {
  ...commonFields,
  ...targetFields,
  ...tunnelFields,
  'database-url': secret("The database. Default: DATABASE_URL of the environment's env-file.", databaseUrl),
  destination: text(
    "Where backups are kept. Default: the runbook's backup.destination, else the folder backups of the repository.",
    acceptedDestinations,
  ),
  schemas: text('Schemas to dump. Default: all of them.', acceptedSchemas),
  'exclude-schemas': text('Schemas to leave out.', acceptedSchemas),
  tables: text(
    'Tables to dump, partitions with them. Default: all of them; with it, only what belongs to these tables is dumped.',
    acceptedTables,
  ),
  'exclude-tables': text('Tables to leave out.', acceptedTables),
  'exclude-data': text('Tables of which the rows are left out.', acceptedTables),
  'large-objects': choice('Whether large objects are dumped.', ['include', 'leave-out'], {
    default: 'include',
  }),
  verify: choice(
    'How the backup is proved: restored elsewhere and compared row for row, the same beside the live database, only its table of contents read, or not at all.',
    ['restore', 'same-server', 'list', 'none'],
    { default: 'restore' },
  ),
  'verify-url': secret(
    'Server to restore into, in a scratch database that is dropped again. Default: a temporary server on this machine.',
    databaseUrl,
  ),
  'verify-query': text(
    "Asked of the dumped instant and of its restore, which must answer alike. Default: the runbook's backup.verify-query.",
    acceptedQuery,
  ),
  'verify-free-disk': size(
    'For verify: same-server, where the free disk of the server cannot be seen from here: what is free there.',
  ),
  'encrypt-to': text(
    "age recipients (public keys) that the backup is encrypted to. Default: the runbook's backup.encrypt-to, else it is not encrypted.",
    acceptedRecipients,
  ),
  'encrypt-passphrase': secret(
    'Passphrase to encrypt the backup with instead, by the GnuPG of this machine (AES-256).',
    'a passphrase on one line',
  ),
  'decrypt-with': secret(
    'age identity (secret key) with which the stored backup is opened to verify it. Default: the key of this run, which proves all but that your identity opens it.',
    'a text like AGE-SECRET-KEY-1...',
  ),
  'retention-days': whole(
    "Days after which a backup may be removed. Default: the runbook's backup.retention-days, else 30.",
    1,
    36_500,
  ),
  'keep-long': flag(
    "Whether this backup stays for retention-days. Otherwise it may go after the runbook's backup.short-days (default: 2), unless it is the first verified one of its day and none is kept long.",
    { default: 'true' },
  ),
  'keep-at-least': whole('Verified backups that stay, however old they are.', 1, 100_000, { default: '7' }),
  timeout: duration('How long all of it may take.', { default: '1h' }),
  'dry-run': flag('Find out whether a backup could be taken and verified, and take none.'),
} satisfies Fields

export const backupDbOutputs: Outputs = {
  'backup-uri': 'Where the backup lies.',
  sha256: 'SHA-256 of the stored backup.',
  bytes: 'Its size in bytes.',
  tables: 'How many tables it holds.',
  'rpo-ms':
    'Milliseconds between this backup and the verified one before: what could have been lost at most.',
  'rto-ms': 'Milliseconds that restoring and comparing it took; empty when it was not restored.',
  verified:
    'true when it was restored and compared; a backup that was only listed, or not looked at, is false.',
}

export type BackupDbInputs = Inputs<typeof backupDbFields>

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
  const retained = proved ? await watch.time('retention', () => retain(plan, manifest.key, ports)) : notProved
  const copied = await copyOfLedger(environment, ports)
  return concludeBackup(plan, manifest, [retained, ...copied])
}

/** What the release before could not copy, since its job had no credentials at its end, is copied now. */
async function copyOfLedger(environment: Environment, ports: TargetPorts): Promise<Evidence[]> {
  if (!environment.backup) return []
  try {
    const target = await ports.openTarget()
    const { ledger } = await target.read()
    return await copyLedger(environment, target, ledger, ledger.serving, ports)
  } catch (error) {
    ports.signal.throwIfAborted()
    return [{ subject: 'copy of the ledger', finding: `was not written: ${messageOf(error)}`, tone: 'note' }]
  }
}

async function backUp(plan: BackupPlan, ports: Ports, watch: Stopwatch): Promise<Manifest> {
  const { store, keep } = plan
  const dumped = await watch.time('dump', () => takeDump(ports, plan))
  const { bytes, dumpedBytes, durationMs } = dumped.manifest
  ports.log.info(`Stored ${showSize(bytes)} of ${showSize(dumpedBytes)} in ${showDuration(durationMs)}.`)
  const manifest = await watch.time('verify', () => verify(plan, dumped, ports))
  const kept = { ...manifest, keep }
  await completeBackup(store, kept, ports.signal)
  return kept
}

async function verify(plan: BackupPlan, dumped: Dumped, ports: BackupPorts): Promise<Manifest> {
  const { store, verification, programs, sealing } = plan
  try {
    return await verifyBackup(
      ports,
      { store, opening: sealing, isPart: plan.scope !== undefined, ...dumped },
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
  const { server, store, programs, verification, taken } = plan
  const proof = verification.how === 'restore' ? 'restored and compared' : `verified by: ${verification.how}`
  return {
    status: 'success',
    reason: 'dry-run',
    summary: `${describeServer(server)} would be dumped with pg_dump ${programs.version} to ${store.uri} and ${proof}; nothing was written.`,
    evidence: [
      { subject: 'store', finding: `${taken.size} backups of this environment are there`, tone: 'note' },
      await planRetaining(plan, ports),
    ],
  }
}
