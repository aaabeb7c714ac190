import { ToolError } from '../outcome/errors.ts'
import type { Conclusion, Evidence, Outcome } from '../outcome/outcome.ts'
import { acceptedRecipients } from '../backup/age.ts'
import { listBackups, newestBackup, type Owner } from '../backup/catalog.ts'
import { countRows, type Manifest } from '../backup/manifest.ts'
import { measureBackup } from '../backup/objectives.ts'
import type { BackupPorts } from '../backup/ports.ts'
import { findPrograms } from '../backup/programs.ts'
import type { Retention } from '../backup/retention.ts'
import { chooseSealing } from '../backup/sealing.ts'
import { readVersion } from '../backup/snapshot.ts'
import { acceptedDestinations } from '../backup/store.ts'
import { completeBackup, discardDump, takeDump, type DumpRequest, type Dumped } from '../backup/take.ts'
import { planVerification, verifyBackup, type Verification } from '../backup/verify.ts'
import { readSurroundings, resolveDatabase, resolveStore, secretVariables } from '../backup/where.ts'
import { connect } from '../platform/postgres.ts'
import { describeServer, parsePostgresUrl, type PostgresServer } from '../platform/postgres-url.ts'
import type { Environment } from '../runbook/environment.ts'
import { showDuration, showSize } from '../runbook/values.ts'
import {
  choice,
  commonFields,
  duration,
  flag,
  secret,
  targetFields,
  text,
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
  'database-url': secret("The database. Default: DATABASE_URL of the environment's env-file.", databaseUrl),
  destination: text(
    "Where backups are kept. Default: the runbook's backup.destination, else the folder backups of the repository.",
    acceptedDestinations,
  ),
  verify: choice(
    'How the backup is proved: restored elsewhere and compared row for row, only its table of contents read, or not at all.',
    ['restore', 'list', 'none'],
    { default: 'restore' },
  ),
  'verify-url': secret(
    'Server to restore into, in a scratch database that is dropped again. Default: a temporary server on this machine.',
    databaseUrl,
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
  return runStep(subject, ports, 'backup-failed', async watch => {
    const plan = await watch.time('prepare', () => prepare(environment, inputs, ports))
    ports.log.info(
      `Backing up ${describeServer(plan.server)} to ${plan.store.uri} with pg_dump ${plan.programs.version}.`,
    )
    if (inputs['dry-run']) return dryRun(plan, ports)
    const manifest = await backUp(plan, ports, watch)
    const proved = manifest.verified.how === 'restore'
    const retained = proved ? await watch.time('retention', () => retain(plan, ports)) : notProved
    return conclude(plan, manifest, retained)
  })
}

interface Plan extends DumpRequest {
  keep: 'long' | 'short'
  environment: Environment
  /** When the newest verified one of before was taken; undefined when there is none. */
  before: string | undefined
  verification: Verification
  retention: Omit<Retention, 'needed'>
}

async function prepare(environment: Environment, inputs: BackupDbInputs, ports: Ports): Promise<Plan> {
  const surroundings = readSurroundings(environment, ports.env)
  const server = resolveDatabase(surroundings, inputs['database-url'])
  const verifyServer =
    inputs['verify-url'] === '' ? undefined : parsePostgresUrl('verify-url', inputs['verify-url'], ports.env)
  for (const { password } of [server, ...(verifyServer ? [verifyServer] : [])]) ports.secrets.add(password)
  for (const value of secretVariables(surroundings)) ports.secrets.add(value)
  for (const name of ['encrypt-passphrase', 'decrypt-with'] as const)
    if (inputs[name] !== '') ports.secrets.add(inputs[name])
  const store = await resolveStore(surroundings, inputs.destination)
  const owner: Owner = { service: environment.service, environment: environment.name }
  const major = await serverMajor(server, ports.signal)
  const programs = await findPrograms(ports, major)
  const verification = await planVerification(ports, inputs.verify, verifyServer, programs, major)
  const configured = environment.backup?.encryptTo ?? []
  const sealing = await chooseSealing(ports, {
    encryptTo: inputs['encrypt-to'] || (inputs['encrypt-passphrase'] === '' ? configured.join(' ') : ''),
    where: inputs['encrypt-to'] === '' ? `environments.${environment.name}.backup.encrypt-to` : 'encrypt-to',
    passphrase: inputs['encrypt-passphrase'],
    identity: inputs['decrypt-with'],
  })
  const listed = await listBackups(store, owner, ports.signal)
  const before = await newestBackup(store, owner, ports.signal)
  return {
    environment,
    before: before?.takenAt,
    keep: inputs['keep-long'] ? 'long' : 'short',
    owner,
    server,
    store,
    programs,
    run: ports.run,
    sealing,
    taken: new Set(listed.map(({ key }) => key)),
    verification,
    retention: {
      days: inputs['retention-days'] ?? environment.backup?.retentionDays ?? 30,
      shortDays: environment.backup?.shortDays ?? 2,
      keepAtLeast: inputs['keep-at-least'] ?? 7,
    },
  }
}

async function serverMajor(server: PostgresServer, signal: AbortSignal): Promise<number> {
  const session = await connect(server, { signal })
  try {
    return (await readVersion(session)).major
  } finally {
    await session.close()
  }
}

async function backUp(plan: Plan, ports: Ports, watch: Stopwatch): Promise<Manifest> {
  const { store, keep } = plan
  const dumped = await watch.time('dump', () => takeDump(ports, plan))
  const { bytes, dumpedBytes, durationMs } = dumped.manifest
  ports.log.info(`Stored ${showSize(bytes)} of ${showSize(dumpedBytes)} in ${showDuration(durationMs)}.`)
  const manifest = await watch.time('verify', () => verify(plan, dumped, ports))
  const kept = { ...manifest, keep }
  await completeBackup(store, kept, ports.signal)
  return kept
}

async function verify(plan: Plan, dumped: Dumped, ports: BackupPorts): Promise<Manifest> {
  const { store, verification, programs, sealing } = plan
  try {
    return await verifyBackup(ports, { store, opening: sealing, ...dumped }, verification, programs)
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

async function dryRun(plan: Plan, ports: TargetPorts): Promise<Conclusion> {
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

function conclude(plan: Plan, manifest: Manifest, retained: Evidence): Conclusion {
  const { store, server, environment, before } = plan
  const { bytes, contents, verified } = manifest
  const uri = `${store.uri}/${manifest.key}`
  const rows = countRows(contents)
  const measured = measureBackup(environment.backup, manifest, before)
  return {
    status: 'success',
    reason: 'done',
    summary: `${describeServer(server)}: ${contents.tables.length} tables, ${rows} rows, ${showSize(bytes)} in ${showDuration(manifest.durationMs)}; ${proofOf(verified)}.`,
    evidence: [
      { subject: 'backup', finding: uri, tone: 'good' },
      { subject: 'verified', ...findingOf(verified) },
      ...encryptionEvidence(manifest),
      ...measured.evidence,
      retained,
    ],
    outputs: {
      'backup-uri': uri,
      sha256: manifest.sha256,
      bytes: String(bytes),
      tables: String(contents.tables.length),
      ...measured.outputs,
      verified: String(verified.how === 'restore'),
    },
  }
}

function encryptionEvidence({ encryption, verified: { opened } }: Manifest): Evidence[] {
  if (encryption.how === 'none') return []
  const to = encryption.how === 'age' ? `age, to ${encryption.recipients.join(', ')}` : 'GnuPG, AES-256'
  const proof = {
    key: 'the stored object was opened as its owner opens it',
    session: `the stored object was opened with the key of this run; that an identity of its recipients opens it is not proved`,
    none: 'the stored object was not opened',
  }
  return [
    { subject: 'encrypted', finding: `${to}; ${proof[opened]}`, tone: opened === 'none' ? 'warn' : 'note' },
  ]
}

function proofOf({ how, durationMs }: Manifest['verified']): string {
  if (how === 'restore') return `restored and compared in ${showDuration(durationMs)}`
  return how === 'list' ? 'only its table of contents was read' : 'not verified'
}

function findingOf({ how, where, durationMs }: Manifest['verified']): Pick<Evidence, 'finding' | 'tone'> {
  if (how === 'restore')
    return {
      finding: `every table, sequence and large object was compared on ${where}, ${showDuration(durationMs)}`,
      tone: 'good',
    }
  if (how === 'list')
    return {
      finding:
        'the stored bytes are those that were dumped, and the table of contents can be read; that the rows can be restored is not proved',
      tone: 'warn',
    }
  return {
    finding: 'nothing is proved: neither that the object can be read, nor that it can be restored',
    tone: 'warn',
  }
}
