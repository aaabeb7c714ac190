import { InputError } from '../outcome/errors.ts'
import type { Conclusion, Evidence, Outcome } from '../outcome/outcome.ts'
import type { Owner } from '../backup/catalog.ts'
import { acceptedBackups, findBackup, refused } from '../backup/find.ts'
import { stampOf } from '../backup/keys.ts'
import { connectBeside, findDatabase, findStamped } from '../backup/live-database.ts'
import { countRows, type Manifest } from '../backup/manifest.ts'
import { findPrograms } from '../backup/programs.ts'
import { besideName, fillNewDatabase, requireMeans, takeOver, type Restoration } from '../backup/replace.ts'
import { chooseOpening } from '../backup/sealing.ts'
import { readVersion } from '../backup/snapshot.ts'
import {
  readSurroundings,
  resolveDatabase,
  resolveStore,
  secretVariables,
  storeVariables,
} from '../backup/where.ts'
import { quoteIdentifier } from '../platform/postgres.ts'
import { describeServer, withDatabase } from '../platform/postgres-url.ts'
import type { Environment } from '../runbook/environment.ts'
import { showDuration, showSize } from '../runbook/values.ts'
import { throughTunnel, type Address } from '../targets/tunnel.ts'
import {
  commonFields,
  duration,
  flag,
  secret,
  targetFields,
  text,
  tunnelFields,
  type Fields,
  type Inputs,
  type Outputs,
} from './inputs.ts'
import type { Ports, TunnelPorts } from './ports.ts'
import { runStep, type Stopwatch } from './step.ts'

export const restoreDbFields = {
  ...commonFields,
  ...targetFields,
  ...tunnelFields,
  backup: text('The backup to restore.', acceptedBackups, { default: 'latest' }),
  'database-url': secret(
    "The live database. Default: DATABASE_URL of the environment's env-file.",
    'a URL like postgresql://user:password@host:5432/database?sslmode=require',
  ),
  confirm: text(
    "The environment's name again, since its live database is replaced. Not needed with `into`.",
    "the environment's name",
  ),
  'decrypt-with': secret(
    'What an encrypted backup is opened with: an age identity (secret key), or the GnuPG passphrase.',
    'a text like AGE-SECRET-KEY-1..., or a passphrase',
  ),
  into: text(
    'Name of a new database to restore into; the live one is then left alone. Default: a new database, which takes the place of the live one.',
    'the name of a database that does not exist yet',
  ),
  timeout: duration('How long all of it may take.', { default: '4h' }),
  'dry-run': flag('Find out whether the restore could be done, and do nothing.'),
} satisfies Fields

export const restoreDbOutputs: Outputs = {
  'restored-from': 'URI of the backup that was restored.',
  rows: 'How many rows were restored and compared.',
  'kept-as': 'Name under which the database that was live is kept; empty when nothing was replaced.',
}

export type RestoreDbInputs = Inputs<typeof restoreDbFields>

/**
 * Restores a backup into a new database beside the live one, compares it with what was dumped, and only then lets it
 * take the live one's name. The live database is never written to, and is kept.
 */
export function restoreDb(
  environment: Environment,
  inputs: RestoreDbInputs,
  ports: TunnelPorts,
): Promise<Outcome> {
  const subject = { step: 'restore-db', service: environment.service, environment: environment.name }
  const tunnel = inputs.tunnel || environment.tunnels.database
  return runStep(subject, ports, 'restore-failed', watch =>
    throughTunnel(
      place => ports.openTunnel(place),
      tunnel,
      via => restoreThrough(via, environment, inputs, ports, watch),
    ),
  )
}

async function restoreThrough(
  via: Address | undefined,
  environment: Environment,
  inputs: RestoreDbInputs,
  ports: TunnelPorts,
  watch: Stopwatch,
): Promise<Conclusion> {
  const plan = await watch.time('prepare', () => prepare(environment, inputs, ports, via))
  const { found, server, target } = plan
  ports.log.info(`Restoring ${plan.uri} into ${describeServer(withDatabase(server, target))}.`)
  if (inputs['dry-run']) return dryRun(plan)
  await fillNewDatabase(plan, ports, (phase, work) => watch.time(phase, work))
  ports.log.info(`${countRows(found.manifest.contents)} rows were restored, and are those that were dumped.`)
  if (!plan.replaces) return conclude(environment, plan, ports, undefined)
  const swapMs = await watch.time('swap', () => takeOver(plan, ports))
  return conclude(environment, plan, ports, swapMs)
}

async function prepare(
  environment: Environment,
  inputs: RestoreDbInputs,
  ports: Ports,
  via: Address | undefined,
): Promise<Restoration> {
  const { into } = inputs
  if (into === '' && inputs.confirm !== environment.name) {
    throw InputError.of(
      'confirm',
      inputs.confirm,
      environment.name,
      `Set confirm to ${environment.name} to say that its live database is meant.`,
    )
  }
  const surroundings = readSurroundings(environment, ports.env)
  const server = resolveDatabase(surroundings, inputs['database-url'], via)
  if (inputs['decrypt-with'] !== '') ports.secrets.add(inputs['decrypt-with'])
  for (const value of [server.password, ...secretVariables(surroundings)]) ports.secrets.add(value)
  const owner: Owner = { service: environment.service, environment: environment.name }
  const found = await findBackup({
    backup: inputs.backup,
    owner,
    openOwn: () => resolveStore(surroundings, ''),
    root: environment.root,
    variables: storeVariables(surroundings),
    signal: ports.signal,
  })
  requireOwn(found.manifest, owner, into)
  const opening = await chooseOpening(ports, found.manifest.encryption, inputs['decrypt-with'])
  const beside = await connectBeside(server, ports.signal)
  try {
    const { major, version } = await readVersion(beside)
    if (major < found.manifest.server.major) {
      throw refused(
        `The backup is of PostgreSQL ${found.manifest.server.version}; this server is ${version}, which is older`,
        'Restore into a server that is at least as new.',
      )
    }
    const programs = await findPrograms(
      ports,
      Math.max(major, found.manifest.client.major),
      environment.backup?.postgresImage ?? '',
    )
    await requireMeans(beside, found.manifest, server)
    const stamp = stampOf(ports.clock.now())
    const target = into === '' ? besideName(server.database, `_restore_${stamp}`) : into
    const kept = besideName(server.database, `_before_${stamp}`)
    for (const name of into === '' ? [target, kept] : [target]) {
      if ((await findDatabase(beside, name)) !== undefined)
        throw refused(
          `The database ${name} exists already`,
          'Drop it if it is not wanted, or give into another name.',
        )
    }
    const liveExists = (await findDatabase(beside, server.database)) !== undefined
    const leftovers = await findStamped(
      beside,
      besideName(server.database, `_restore_${stamp}`).slice(0, -stamp.length),
    )
    const uri = `${found.store.uri}/${found.manifest.key}`
    return {
      found,
      opening,
      uri,
      server,
      programs,
      target,
      replaces: into === '',
      liveExists,
      kept,
      leftovers,
    }
  } finally {
    await beside.close()
  }
}

/** A backup of something else is never put in a live database's place. */
function requireOwn({ service, environment }: Manifest, owner: Owner, into: string): void {
  if (service !== owner.service)
    throw refused(
      `The backup is of the service ${service}, not of ${owner.service}`,
      'Name a backup of this service.',
    )
  if (environment !== owner.environment && into === '')
    throw refused(
      `The backup is of ${environment}, not of ${owner.environment}`,
      'To look at it, restore it into a new database with into.',
    )
}

function dryRun({ uri, found, server, target, replaces, kept, liveExists }: Restoration): Conclusion {
  const { manifest } = found
  const fate = liveExists
    ? `take the place of ${server.database}, which would be kept as ${kept}`
    : `become ${server.database}, which does not exist`
  return {
    status: 'success',
    reason: 'dry-run',
    summary: `${uri} (${countRows(manifest.contents)} rows of ${manifest.takenAt}) would be restored into ${target}${replaces ? ` and ${fate}` : ''}; nothing was changed.`,
  }
}

function conclude(
  environment: Environment,
  plan: Restoration,
  ports: Ports,
  swapMs: number | undefined,
): Conclusion {
  const { found, uri, server, target, kept, liveExists } = plan
  const { contents, takenAt, bytes } = found.manifest
  const rows = countRows(contents)
  const age = showDuration(Math.max(0, ports.clock.now() - Date.parse(takenAt)))
  const keptAs = swapMs !== undefined && liveExists ? kept : ''
  const name = swapMs === undefined ? target : server.database
  return {
    status: 'success',
    reason: 'done',
    summary: `${describeServer(withDatabase(server, name))} holds the ${rows} rows of ${takenAt}${keptAs ? `; what was live is kept as ${keptAs}` : ''}.`,
    next:
      keptAs === ''
        ? ''
        : `What was written in the last ${age} is only in ${keptAs}. Drop it when nobody misses anything: DROP DATABASE ${quoteIdentifier(keptAs)}`,
    evidence: [
      { subject: 'backup', finding: `${uri}, ${showSize(bytes)}, taken ${age} ago`, tone: 'note' },
      {
        subject: 'compared',
        finding: `${contents.tables.length} tables, ${contents.sequences.length} sequences and ${contents.largeObjects.count} large objects are as they were dumped`,
        tone: 'good',
      },
      ...(swapMs === undefined
        ? []
        : [
            {
              subject: 'swap',
              finding: `connections were refused or waited for ${showDuration(swapMs)}`,
              tone: 'note' as const,
            },
          ]),
      ...leftoverEvidence(plan.leftovers),
      ...ageEvidence(environment, Date.parse(takenAt), ports.clock.now()),
    ],
    outputs: { 'restored-from': uri, rows: String(rows), 'kept-as': keptAs },
  }
}

function ageEvidence({ backup }: Environment, takenAt: number, now: number): Evidence[] {
  if (!backup || now - takenAt <= backup.rpoMs) return []
  return [
    {
      subject: 'RPO',
      finding: `the backup is older than the objective of ${showDuration(backup.rpoMs)}`,
      tone: 'warn',
    },
  ]
}

function leftoverEvidence(leftovers: string[]): Evidence[] {
  return leftovers.map(name => ({
    subject: name,
    finding: `an earlier restore was killed and left it behind; when nobody uses it: DROP DATABASE ${quoteIdentifier(name)}`,
    tone: 'warn',
  }))
}
