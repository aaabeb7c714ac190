import { acceptedBackups, findBackup, type Found } from '../../backup/storage/find.ts'
import type { LeftOut } from '../../backup/dump/archive-entries.ts'
import { describeCopy } from '../../backup/restore/left-behind.ts'
import { countRows } from '../../backup/storage/manifest.ts'
import { isMissed, rpoEvidence, rtoEvidence, showMeasured, type Measured } from '../../backup/objectives.ts'
import { findPrograms } from '../../backup/dump/find-programs.ts'
import { describeUnasked } from '../../backup/verify/question.ts'
import { chooseOpening } from '../../backup/encryption/sealing.ts'
import { planElsewhere } from '../../backup/verify/plan-verification.ts'
import { describeProof, readingOf } from '../../backup/encryption/trust.ts'
import { verifyBackup } from '../../backup/verify/verify.ts'
import {
  readSurroundings,
  resolveStore,
  secretVariables,
  storeVariables,
} from '../../backup/storage/where.ts'
import { ToolError } from '../../outcome/errors.ts'
import type { Conclusion, Evidence, Outcome } from '../../outcome/outcome.ts'
import { parsePostgresUrl } from '../../integrations/database/postgres-url.ts'
import type { Environment } from '../../config/environment.ts'
import { showDuration, showSize } from '../../config/values.ts'
import {
  commonFields,
  duration,
  secret,
  targetFields,
  text,
  type Fields,
  type Inputs,
} from '../step/inputs.ts'
import type { Ports, TargetPorts } from '../step/ports.ts'
import { retain, retentionOf } from './retain.ts'
import { runStep } from '../step/step.ts'

export const drillFields = {
  ...commonFields,
  ...targetFields,
  backup: text('The backup to restore.', acceptedBackups, { default: 'latest' }),
  'verify-url': secret(
    'Server to restore into, in a scratch database that is dropped again. Default: a temporary server on this machine, in a sandbox.',
    'a URL like postgresql://user:password@host:5432/database?sslmode=require',
  ),
  'decrypt-with': secret(
    'What an encrypted backup is opened with: an age identity (secret key), or the GnuPG passphrase.',
    'a text like AGE-SECRET-KEY-1..., or a passphrase',
  ),
  timeout: duration('How long all of it may take.', { default: '4h' }),
} satisfies Fields

/**
 * Restores the newest backup away from production, compares every row with what was dumped, and drops it again: the
 * proof that the database could be brought back, how long it takes, and how much would be lost. After it, the old ones
 * may go.
 */
export function drill(
  environment: Environment,
  inputs: Inputs<typeof drillFields>,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'drill', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'restore-failed', async watch => {
    const from = ports.clock.elapsed()
    const found = await watch.time('find', () => find(environment, inputs, ports))
    const { manifest, store } = found
    // While it is restored, newer ones are taken: what would be lost is what was written since when it was the newest.
    const ageMs =
      inputs.backup === 'latest' ? Math.max(0, ports.clock.now() - Date.parse(manifest.takenAt)) : undefined
    const uri = `${store.uri}/${manifest.key}`
    ports.log.info(`Restoring ${uri}, ${showSize(manifest.bytes)}, into a scratch database.`)
    const { where, leftOut } = await watch.time('restore', () =>
      restoreAside(environment, found, inputs, ports),
    )
    const took = ports.clock.elapsed() - from
    const ended = conclude(environment, found, { where, leftOut, took, ageMs })
    if (inputs.backup !== 'latest') return ended
    const owner = { service: environment.service, environment: environment.name }
    const retention = retentionOf(environment, {})
    const retained = await watch.time('retention', () =>
      retain({ store, owner, retention }, manifest.key, environment, ports),
    )
    return { ...ended, evidence: [...(ended.evidence ?? []), retained] }
  })
}

function find(environment: Environment, inputs: Inputs<typeof drillFields>, ports: Ports): Promise<Found> {
  const surroundings = readSurroundings(environment, ports.env)
  for (const value of [inputs['decrypt-with'], ...secretVariables(surroundings)])
    if (value !== '') ports.secrets.add(value)
  return findBackup({
    backup: inputs.backup,
    owner: { service: environment.service, environment: environment.name },
    openOwn: () => resolveStore(surroundings, ''),
    root: environment.root,
    variables: storeVariables(surroundings),
    reading: readingOf(environment, ports),
  })
}

/** @returns where it was restored, in words, and what was left out */
async function restoreAside(
  environment: Environment,
  { store, manifest }: Found,
  inputs: Inputs<typeof drillFields>,
  ports: Ports,
): Promise<Pick<Run, 'where' | 'leftOut'>> {
  const { postgresImage: image = '', verifyQuery: question = '' } = environment.backup ?? {}
  const url = inputs['verify-url']
  const verifyServer = url === '' ? undefined : parsePostgresUrl('verify-url', url, ports.env)
  if (verifyServer) ports.secrets.add(verifyServer.password)
  const opening = await chooseOpening(ports, manifest.encryption, inputs['decrypt-with'])
  const { server, client } = manifest
  const programs = await findPrograms(ports, Math.max(server.major, client.major), image)
  const wish = { on: verifyServer, image }
  const verification = await planElsewhere(ports, wish, programs, server.major, undefined)
  const { contents, verified: _before, ...dumped } = manifest
  const stored = {
    store,
    manifest: dumped,
    contents: Promise.resolve(contents),
    opening,
    question,
    isPart: contents.scope !== undefined,
  }
  try {
    const { verified } = await verifyBackup(ports, stored, verification, programs)
    return { where: verified.where, leftOut: verified.leftOut ?? [] }
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    const { message, tool, hint, stderr, code } = error
    const detail = { tool, hint, stderr, ...(code === undefined ? {} : { code }), cause: error }
    throw new ToolError(`${store.uri}/${manifest.key} could not be restored: ${message}`, {
      ...detail,
      reason: error.reason ?? 'backup-unverified',
    })
  }
}

interface Run {
  where: string
  leftOut: LeftOut[]
  took: number
  /** Of the newest backup, when it was found; undefined when another one was asked for. */
  ageMs: number | undefined
}

function conclude(
  environment: Environment,
  { store, manifest, proof }: Found,
  { where, leftOut, took, ageMs }: Run,
): Conclusion {
  const { rpoMs = 0, rtoMs = 0, wal = false } = environment.backup ?? {}
  const uri = `${store.uri}/${manifest.key}`
  const rows = countRows(manifest.contents)
  const rto: Measured = { ms: took, objectiveMs: rtoMs }
  // Where the write-ahead log is archived, the age of a dump is not what would be lost.
  const rpo: Measured = { ms: wal ? undefined : ageMs, objectiveMs: rpoMs }
  const unmeasured = wal ? 'the age of the archived log counts' : 'the age of the newest backup counts'
  const evidence: Evidence[] = [
    {
      subject: 'backup',
      finding: `${uri}, ${showSize(manifest.bytes)}, taken at ${manifest.takenAt}`,
      tone: 'note',
    },
    describeProof(proof),
    { subject: 'compared', finding: `${rows} rows are as they were dumped, on ${where}`, tone: 'good' },
    ...describeUnasked(manifest.contents.query, environment.backup?.verifyQuery ?? ''),
    ...describeCopy(leftOut),
  ]
  if (environment.backup) {
    evidence.push(
      rpoEvidence(rpo, age => `${age} of writes would be lost now`, unmeasured),
      rtoEvidence(rto, time => `it took ${time} until it was restored and compared`, ''),
    )
  }
  const outputs = {
    'restored-from': uri,
    rows: String(rows),
    'kept-as': '',
    'rpo-ms': showMeasured(rpo),
    'rto-ms': showMeasured(rto),
  }
  const summary = `${rows} rows of ${manifest.takenAt} were restored and compared in ${showDuration(took)}`
  const missed = environment.backup
    ? [['RPO', rpo] as const, ['RTO', rto] as const].filter(([, each]) => isMissed(each))
    : []
  if (missed.length === 0)
    return { status: 'success', reason: 'done', summary: `${summary}.`, evidence, outputs }
  const named = missed
    .map(([name, { objectiveMs }]) => `the ${name} of ${showDuration(objectiveMs)}`)
    .join(' and ')
  return {
    status: 'failure',
    reason: 'objective-missed',
    summary: `${summary}; but that misses ${named}.`,
    next: isMissed(rpo)
      ? 'See why no newer backup is there: backup.yml takes one every 30 minutes.'
      : 'Restore on a faster machine or disk, or make the RTO one that can be kept.',
    evidence,
    outputs,
  }
}
