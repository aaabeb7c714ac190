import { InputError } from '../../outcome/errors.ts'
import type { Conclusion, Evidence, Outcome } from '../../outcome/outcome.ts'
import { acceptedBackups } from '../../backup/storage/find.ts'
import type { LeftOut } from '../../backup/dump/archive-entries.ts'
import { beforeDropping, describeLeftBehind } from '../../backup/restore/left-behind.ts'
import { countRows, type Manifest } from '../../backup/storage/manifest.ts'
import { rpoEvidence, rtoEvidence, showMeasured } from '../../backup/objectives.ts'
import {
  discard,
  fillNewDatabase,
  rightsEvidence,
  takeOver,
  type Restoration,
} from '../../backup/restore/replace.ts'
import { describeUnasked } from '../../backup/verify/question.ts'
import { describeProof } from '../../backup/encryption/trust.ts'
import { quoteIdentifier } from '../../integrations/database/postgres.ts'
import { describeServer, withDatabase } from '../../integrations/database/postgres-url.ts'
import type { Environment } from '../../config/environment.ts'
import { showDuration, showSize } from '../../config/values.ts'
import { throughTunnel, type Address } from '../../targets/tunnel.ts'
import {
  commonFields,
  duration,
  flag,
  secret,
  targetFields,
  tunnelFields,
  text,
  type Fields,
  type Inputs,
  type Outputs,
} from '../step/inputs.ts'
import { budgetOf } from '../rollback/budget.ts'
import { busy, dropTurn, endTurn, refuseBusy, takeTurn } from './database-turn.ts'
import { drill, drillFields } from './drill.ts'
import type { TargetPorts } from '../step/ports.ts'
import { planRestoration } from '../rollback/restoration.ts'
import { runStep, type Stopwatch } from '../step/step.ts'

export const restoreDbFields = {
  ...commonFields,
  ...targetFields,
  ...tunnelFields,
  backup: text('The backup to restore.', acceptedBackups, { default: 'latest' }),
  'database-url': secret(
    "The live database. Default: DATABASE_URL of the runbook's backup.env-file, else as the service gets it: of the target's env, else of the env-file.",
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
    'Name of a new database to restore into; the live one is then left alone. `scratch` is the drill: restored away from production, compared, timed, and dropped. Default: a new database, which takes the place of the live one.',
    'the name of a database that does not exist yet, or scratch',
  ),
  'verify-url': drillFields['verify-url'],
  'max-age': duration('Refuse a backup that was taken longer ago. Default: any age.'),
  timeout: duration('How long all of it may take.', { default: '4h' }),
  'dry-run': flag('Find out whether the restore could be done, and do nothing.'),
} satisfies Fields

export const restoreDbOutputs: Outputs = {
  'restored-from': 'URI of the backup that was restored.',
  rows: 'How many rows were restored and compared.',
  'kept-as': 'Name under which the database that was live is kept; empty when nothing was replaced.',
  'rpo-ms': 'Milliseconds of writes that are not in the backup, to hold against the RPO.',
  'rto-ms': 'Milliseconds until the database was back, or the drill over, to hold against the RTO.',
}

export type RestoreDbInputs = Inputs<typeof restoreDbFields>

/**
 * Restores a backup into a new database beside the live one, compares it with what was dumped, and only then lets it
 * take the live one's name. The live database is never written to, and is kept.
 */
export function restoreDb(
  environment: Environment,
  inputs: RestoreDbInputs,
  ports: TargetPorts,
): Promise<Outcome> {
  if (inputs.into === 'scratch') return drill(environment, inputs, ports)
  const subject = { step: 'restore-db', service: environment.service, environment: environment.name }
  const tunnel = inputs.tunnel || environment.tunnels.database
  return runStep(subject, ports, 'restore-failed', async watch => {
    requireConfirmed(environment, inputs)
    const refusal = inputs.into === '' && !inputs['dry-run'] ? await refuseBusy(ports) : undefined
    if (refusal) return refusal
    return throughTunnel(
      place => ports.openTunnel(place),
      tunnel,
      via => restoreThrough(via, environment, inputs, ports, watch),
    )
  })
}

async function restoreThrough(
  via: Address | undefined,
  environment: Environment,
  inputs: RestoreDbInputs,
  ports: TargetPorts,
  watch: Stopwatch,
): Promise<Conclusion> {
  const from = ports.clock.elapsed()
  const left = budgetOf(ports.clock, inputs.timeout)
  const plan = await watch.time('prepare', () => planRestoration(environment, inputs, ports, via))
  const { found, server, target } = plan
  ports.log.info(`Restoring ${plan.uri} into ${describeServer(withDatabase(server, target))}.`)
  if (inputs['dry-run']) return dryRun(plan)
  const leftOut = await fillNewDatabase(plan, ports, (phase, work) => watch.time(phase, work))
  ports.log.info(`${countRows(found.manifest.contents)} rows were restored, and are those that were dumped.`)
  const swapped = plan.replaces ? await swap(plan, ports, watch, left()) : undefined
  if (swapped && 'status' in swapped) return swapped
  const tookMs = ports.clock.elapsed() - from
  const notes = swapped?.notes ?? []
  return conclude(environment, plan, ports, { swapMs: swapped?.ms, tookMs, leftOut, notes })
}

interface Swapped {
  ms: number
  notes: Evidence[]
}

/** @param waitMs how long another run that works on the environment is waited for */
async function swap(
  plan: Restoration,
  ports: TargetPorts,
  watch: Stopwatch,
  waitMs: number,
): Promise<Swapped | Conclusion> {
  const { server, target, uri, kept, liveExists } = plan
  const turn = await takeTurn(ports, waitMs).catch(async (error: unknown) => {
    await discard(server, target)
    throw error
  })
  if (turn && 'held' in turn) {
    await discard(server, target)
    return busy(turn.held, ports)
  }
  try {
    const signal = turn?.signal ?? ports.signal
    const ms = await watch.time('swap', () => takeOver(plan, { ...ports, signal }))
    const because = `${uri}${liveExists ? `; what was live is kept as ${kept}` : ''}`
    return { ms, notes: await endTurn(turn, because, ports) }
  } catch (error) {
    await dropTurn(turn, ports)
    throw error
  }
}

function requireConfirmed({ name }: Environment, { into, confirm }: RestoreDbInputs): void {
  if (into !== '' || confirm === name) return
  const hint = `Set confirm to ${name} to say that its live database is meant.`
  throw InputError.of('confirm', confirm, name, hint)
}

function dryRun(plan: Restoration): Conclusion {
  const { uri, found, server, target, replaces, kept, liveExists } = plan
  const { manifest } = found
  const fate = liveExists
    ? `take the place of ${server.database}, which would be kept as ${kept}`
    : `become ${server.database}, which does not exist`
  return {
    status: 'success',
    reason: 'dry-run',
    summary: `${uri} (${countRows(manifest.contents)} rows of ${manifest.takenAt}) would be restored into ${target}${replaces ? ` and ${fate}` : ''}; nothing was changed.`,
    evidence: [
      describeProof(found.proof),
      ...describeLeftBehind(expectedLeftOut(manifest), {
        live: replaces ? server.database : target,
        kept: replaces && liveExists ? kept : '',
        beyond: replaces ? plan.beyond : undefined,
      }),
      ...rightsEvidence(plan),
    ],
  }
}

/** By what the backup knows of its database; the restore itself goes by the dump. */
function expectedLeftOut({ database: { beyond } }: Manifest): LeftOut[] {
  return [
    ...(beyond?.subscriptions ?? []).map(({ name }) => ({ kind: 'subscription' as const, name })),
    ...(beyond?.backgroundExtensions ?? []).map(name => ({ kind: 'extension' as const, name })),
  ]
}

/** What was done. */
interface Restored {
  /** Milliseconds; undefined when nothing was replaced. */
  swapMs: number | undefined
  tookMs: number
  leftOut: LeftOut[]
  notes: Evidence[]
}

function conclude(
  environment: Environment,
  plan: Restoration,
  ports: TargetPorts,
  { swapMs, tookMs, leftOut, notes }: Restored,
): Conclusion {
  const { found, uri, server, target, kept, liveExists } = plan
  const { contents, takenAt, bytes } = found.manifest
  const rows = countRows(contents)
  const rpo = {
    ms: Math.max(0, ports.clock.now() - Date.parse(takenAt)),
    objectiveMs: environment.backup?.rpoMs ?? 0,
  }
  const rto = { ms: tookMs, objectiveMs: environment.backup?.rtoMs ?? 0 }
  const age = showDuration(rpo.ms)
  const keptAs = swapMs !== undefined && liveExists ? kept : ''
  const name = swapMs === undefined ? target : server.database
  const behind = { live: name, kept: keptAs, beyond: keptAs === '' ? undefined : plan.beyond }
  const first = beforeDropping(behind)
  return {
    status: 'success',
    reason: 'done',
    summary: `${describeServer(withDatabase(server, name))} holds the ${rows} rows of ${takenAt}${keptAs ? `; what was live is kept as ${keptAs}` : ''}.`,
    next:
      keptAs === ''
        ? ''
        : `What was written in the last ${age} is only in ${keptAs}. When no row of it is missed, drop it: ${first === '' ? '' : `in it, ${first}; then beside it, `}DROP DATABASE ${quoteIdentifier(keptAs)}`,
    evidence: [
      { subject: 'backup', finding: `${uri}, ${showSize(bytes)}, taken ${age} ago`, tone: 'note' },
      describeProof(found.proof),
      {
        subject: 'compared',
        finding: `${contents.tables.length} tables, ${contents.sequences.length} sequences and ${contents.largeObjects.count} large objects are as they were dumped`,
        tone: 'good',
      },
      ...describeUnasked(contents.query, plan.question),
      ...(swapMs === undefined
        ? []
        : [
            {
              subject: 'swap',
              finding: `connections were refused or waited for ${showDuration(swapMs)}`,
              tone: 'note' as const,
            },
          ]),
      ...describeLeftBehind(leftOut, behind),
      ...rightsEvidence(plan),
      ...notes,
      ...leftoverEvidence(plan.leftovers),
      ...(environment.backup
        ? [
            rpoEvidence(rpo, lost => `what was written in ${lost} is not in the backup`, ''),
            rtoEvidence(rto, time => `it took ${time} until the database was back`, ''),
          ]
        : []),
    ],
    outputs: {
      'restored-from': uri,
      rows: String(rows),
      'kept-as': keptAs,
      'rpo-ms': showMeasured(rpo),
      'rto-ms': showMeasured(rto),
    },
  }
}

function leftoverEvidence(leftovers: string[]): Evidence[] {
  return leftovers.map(name => ({
    subject: name,
    finding: `an earlier restore was killed and left it behind; when it is not in use: DROP DATABASE ${quoteIdentifier(name)}`,
    tone: 'warn',
  }))
}
