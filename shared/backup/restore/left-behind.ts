import type { Evidence } from '../../outcome/outcome.ts'
import { quoteIdentifier, quoteLiteral } from '../../integrations/database/postgres.ts'
import type { LeftOut } from '../dump/archive-entries.ts'
import type { BeyondDatabase } from '../dump/beyond-database.ts'

/** What a database has that could not be taken over by the one that was restored in its place. */
export interface LeftBehind {
  /** Name of the database that is live now. */
  live: string
  /** Name of the database that was live, and is kept; empty when there is none. */
  kept: string
  /** What that one has; undefined when there is none. */
  beyond: BeyondDatabase | undefined
}

/** What was left out of a restored database, and what the database that it replaces goes on to do: with what to do. */
export function describeLeftBehind(leftOut: LeftOut[], where: LeftBehind): Evidence[] {
  const subscriptions = where.beyond?.subscriptions ?? []
  const names = new Set([
    ...leftOut.filter(({ kind }) => kind === 'subscription').map(({ name }) => name),
    ...subscriptions.map(({ name }) => name),
  ])
  const warn = (subject: string, finding: string): Evidence => ({ subject, finding, tone: 'warn' })
  return [
    ...[...names].map(name => warn(`subscription ${name}`, ofSubscription(name, where))),
    ...(where.beyond?.slots ?? []).map(slot => warn(`replication slot ${slot}`, ofSlot(slot, where))),
    ...leftOut
      .filter(({ kind }) => kind === 'extension')
      .map(({ name }) => warn(`extension ${name}`, ofExtension(name, where))),
  ]
}

function ofSubscription(name: string, { live, kept, beyond }: LeftBehind): string {
  const sub = quoteIdentifier(name)
  const found = beyond?.subscriptions.find(each => each.name === name)
  if (!found)
    return `was left out of ${live}; no other database has it here: make it anew with CREATE SUBSCRIPTION ${sub} and copy_data = false, once the rows are what the publisher has`
  const { slot, publications } = found
  const published = publications.map(quoteIdentifier).join(', ')
  const reuse = slot === '' ? '' : `, create_slot = false, slot_name = ${quoteLiteral(slot)}`
  const reads = slot === '' ? 'has no slot' : `goes on to read the slot ${slot} of the publisher`
  return [
    `was left out of ${live}; ${kept} still has it and ${reads}.`,
    `To move it, run in ${kept}: ${dropSubscription(name)};`,
    `then in ${live}: CREATE SUBSCRIPTION ${sub} CONNECTION '...' PUBLICATION ${published} WITH (copy_data = false${reuse}).`,
    `What the publisher sent since the backup is only in ${kept}`,
  ].join(' ')
}

function ofSlot(slot: string, { live, kept }: LeftBehind): string {
  return `belongs to ${kept}: what reads it in ${live} will be refused, and the server keeps its write-ahead log until it is read in ${kept} or dropped: SELECT pg_drop_replication_slot(${quoteLiteral(slot)}). Make it anew in ${live} and let its reader begin with a new snapshot`
}

function ofExtension(name: string, { live, kept }: LeftBehind): string {
  const rows = kept === '' ? 'its configuration is in the dump' : `what it was configured with is in ${kept}`
  return `was left out, since its workers would have acted on the restored rows: CREATE EXTENSION ${quoteIdentifier(name)} in ${live}, and configure it again (${rows})`
}

/** Statements, to be run in the database that is kept, after which it can be dropped; empty when it can be at once. */
export function beforeDropping({ beyond }: LeftBehind): string {
  return (beyond?.subscriptions ?? []).map(({ name }) => dropSubscription(name)).join('; ')
}

/** Leaves the slot at the publisher alone. */
function dropSubscription(name: string): string {
  const sub = quoteIdentifier(name)
  return `ALTER SUBSCRIPTION ${sub} DISABLE; ALTER SUBSCRIPTION ${sub} SET (slot_name = NONE); DROP SUBSCRIPTION ${sub}`
}

const words: Partial<Record<LeftOut['kind'], string>> = {
  subscription: 'subscription',
  'event trigger': 'event trigger',
  extension: 'extension',
  'remote view': 'rows of the materialized view',
  publication: 'publication',
  'user mapping': 'user mapping of',
}

/** Of a longer list, the first ones are named. */
const most = 20

/** What of a dump a copy does without, as evidence of its verification; empty when nothing was left out. */
export function describeCopy(leftOut: LeftOut[]): Evidence[] {
  const acting = leftOut.flatMap(({ kind, name }) => (words[kind] ? [`${words[kind]} ${name}`] : []))
  const tables = leftOut.filter(({ kind }) => kind === 'table').map(({ name }) => name)
  const objects = leftOut.filter(({ kind }) => kind === 'superuser object').map(({ name }) => name)
  const why =
    'takes a superuser, or depends on what does, and a copy is made without one, so that no code of the dump has those rights'
  return [
    {
      subject: 'left out',
      names: acting,
      finding:
        'in the dump, and not restored where it was verified, since a copy must not act on other systems or with the rights of a superuser',
      tone: 'note',
    } as const,
    {
      subject: 'not compared',
      names: tables,
      finding: `tables of the dump whose type or default ${why}`,
      tone: 'warn',
    } as const,
    {
      subject: 'not in the copy',
      names: objects,
      finding: `in the dump; each ${why}`,
      tone: 'note',
    } as const,
  ].flatMap(({ subject, names, finding, tone }) =>
    names.length === 0 ? [] : [{ subject, finding: `${listed(names)}: ${finding}`, tone }],
  )
}

function listed(names: string[]): string {
  const more = names.length > most ? `, and ${names.length - most} more, which the manifest lists` : ''
  return `${names.slice(0, most).join(', ')}${more}`
}
