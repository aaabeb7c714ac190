import { InputError } from '../../outcome/errors.ts'
import { unsignedCode } from '../../backup/encryption/trust.ts'
import { newestOf } from '../../backup/storage/newest.ts'
import { readWalArchive, type WalArchive } from '../../backup/wal.ts'
import { parsePostgresUrl, throughAddress } from '../../integrations/database/postgres-url.ts'
import { showDuration } from '../../config/values.ts'
import { throughTunnel } from '../../targets/tunnel.ts'
import { fail, orSkip, pass, skip, warn, type Check, type CheckContext, type Finding } from '../check.ts'
import { readConfiguration } from '../environment/configuration.ts'

const id = 'backup'
const connectMs = 5_000

/**
 * What would be lost if the database went now is less than the RPO allows: the store itself is asked, not a report. An
 * environment whose runbook names no RPO promises none, and is only warned of.
 */
export const backup: Check = {
  id,
  title: 'A verified backup is younger than the RPO',
  inapplicable: () => '',
  run(context) {
    const { backup } = context.environment
    if (!backup) return ofNone(context)
    return backup.wal ? ofWal(context) : ofStore(context)
  },
}

/** A release whose migration goes wrong, and a database that nothing was kept of. */
async function ofNone(context: CheckContext): Promise<Finding> {
  const { name } = context.environment
  const configuration = await readConfiguration(context).catch((error: unknown) => {
    // Another check's finding.
    if (error instanceof InputError) return undefined
    throw error
  })
  if (configuration?.['DATABASE_URL'] === undefined)
    return skip('the runbook has no backup block for this environment, and no DATABASE_URL is known')
  return warn(
    'the service has a database (DATABASE_URL), and the runbook has no backup block for this environment: no backup is taken before the release',
    `Add backup: { destination: s3://BUCKET/PREFIX } to environments.${name} of the runbook.`,
  )
}

async function ofStore(context: CheckContext): Promise<Finding> {
  const { environment, clock } = context
  const { rpoMs = 0, promisesRpo = false, destination = '' } = environment.backup ?? {}
  const rpo = showDuration(rpoMs)
  const bad = promisesRpo ? fail : warn
  const passedOver: string[] = []
  const newest = await newestOf(environment, { ...context, log: { warn: line => passedOver.push(line) } })
  const others = passedOver.join('\n')
  const next = context.backsUpNext ? 'Nothing: this run takes one before it deploys.' : ''
  if (!newest) {
    const seen = `${destination} has no verified backup of ${environment.name}`
    return next
      ? warn(seen, next, others)
      : bad(seen, `Take one: runbook backup-db ${environment.name}`, others)
  }
  const age = clock.now() - Date.parse(newest.manifest.takenAt)
  const seen = `the newest verified backup is ${showDuration(Math.max(0, age))} old, the RPO is ${rpo}`
  const signed = newest.proof.kind === 'signed' ? ', signed' : `, not signed (${unsignedCode})`
  if (age <= rpoMs) return pass(`${seen}${signed}: ${newest.uri}`, others)
  if (next) return warn(seen, next, others)
  return bad(
    seen,
    `Take one now: runbook backup-db ${environment.name}. See why backup.yml, which runs every 30 minutes, did not.`,
    others,
  )
}

/** Where the write-ahead log is archived, its age is what would be lost. */
async function ofWal(context: CheckContext): Promise<Finding> {
  const url = (await readConfiguration(context))['DATABASE_URL']
  if (url === undefined) return skip('the configuration has no DATABASE_URL')
  const { rpoMs = 0, promisesRpo = false } = context.environment.backup ?? {}
  const server = parsePostgresUrl('DATABASE_URL', url, {})
  return orSkip(id, async () => {
    const archive = await throughTunnel(
      place => context.openTunnel(place),
      context.environment.tunnels.database,
      via => readWalArchive(throughAddress(server, via), { signal: context.signal, timeoutMs: connectMs }),
    )
    return judgeArchive(archive, rpoMs, promisesRpo ? fail : warn)
  })
}

/**
 * @param rpoMs how old the newest archived segment may be
 * @param bad what it is when it is older
 */
export function judgeArchive(
  { on, ageMs, failing, doneWithinMs }: WalArchive,
  rpoMs: number,
  bad: typeof fail | typeof warn,
): Finding {
  if (!on)
    return fail(
      'the runbook says backup.wal, and the server archives nothing (archive_mode is off)',
      'Set archive_mode and archive_command, or take backup.wal out of the runbook.',
    )
  if (failing !== undefined)
    return fail(
      `the server cannot archive ${failing} of its write-ahead log`,
      'See archive_command in the log of the database server: until it succeeds, nothing newer is safe.',
    )
  if (ageMs === undefined)
    return fail(
      'nothing of the write-ahead log was archived yet',
      'Set archive_timeout, or wait for the first segment.',
    )
  const seen = `the archived write-ahead log is ${showDuration(Math.max(0, ageMs))} old, the RPO is ${showDuration(rpoMs)}`
  if (ageMs <= rpoMs) return pass(seen)
  if (doneWithinMs !== undefined && doneWithinMs <= rpoMs)
    return pass(`${seen}; nothing was written since, or less than ${showDuration(doneWithinMs)} ago`)
  return bad(seen, 'Set archive_timeout below the RPO: a server that is not busy fills no segment by itself.')
}
