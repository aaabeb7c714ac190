import { createHash } from 'node:crypto'
import { InputError, messageOf } from '../../outcome/errors.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import { withoutEnd } from '../../outcome/strip.ts'
import { quoteIdentifier, type PostgresSession } from '../../integrations/database/postgres.ts'
import type { Contents } from '../storage/manifest.ts'

/** A user's own query, and what the dumped instant answered. */
export type Answered = NonNullable<Contents['query']>

/** What `verify-query` accepts, for messages. */
export const acceptedQuery = 'a query that reads, like SELECT COUNT(*) FROM users'

const mostRows = 10_000

/**
 * Finds out, before anything is dumped, whether the database would answer a query. Plans it, and runs nothing.
 * @param where the input's name, or the place in the runbook
 * @throws InputError with what the server says
 */
export async function requireQuery(session: PostgresSession, where: string, query: string): Promise<void> {
  try {
    await session.rows('BEGIN TRANSACTION READ ONLY')
    await session.ask(`EXPLAIN ${wrap(query)}`)
  } catch (cause) {
    throw new InputError(`${where} cannot be answered (${messageOf(cause)}); accepted: ${acceptedQuery}`, {
      hint: `Try it with psql, as the user of the backup, and fix ${where}.`,
      cause,
    })
  } finally {
    await session.rows('ROLLBACK').catch(() => undefined)
  }
}

/**
 * Names without a schema mean what they mean to the session's user, whatever the search path of the transaction is now.
 */
export async function readSchemas(session: PostgresSession): Promise<string[]> {
  const [path] = await session.rows<{ reset: string; now: string }>(
    `SELECT reset_val AS reset, setting AS now FROM pg_catalog.pg_settings WHERE name = 'search_path'`,
  )
  await setPath(session, path?.reset ?? '')
  const [row] = await session.rows<{ schemas: string[] }>('SELECT current_schemas(false)::text[] AS schemas')
  await setPath(session, path?.now ?? '')
  return row?.schemas ?? []
}

/**
 * Asks a query. The order of the rows does not count.
 * @param schemas where names without a schema are looked for
 * @throws InputError when it answers with too many rows to be compared
 */
export async function answer(session: PostgresSession, query: string, schemas: string[]): Promise<Answered> {
  await setPath(session, schemas.map(quoteIdentifier).join(', '))
  // Views may be asked, where the user's own query says so.
  await restrict(session, '')
  const rows = await session.ask<{ line: string }>(`${wrap(query)} LIMIT ${mostRows + 1}`)
  await restrict(session, 'view, foreign-table')
  await setPath(session, '')
  if (rows.length > mostRows)
    throw new InputError(`verify-query answers with more than ${mostRows} rows`, {
      hint: 'Let it count or sum, as SELECT COUNT(*) does.',
    })
  const lines = rows.map(({ line }) => line).sort()
  const sha256 = createHash('sha256').update(lines.join('\n')).digest('hex')
  // Shown only where it is one number: other values may be personal data.
  const [, number = ''] =
    lines.length === 1 ? (/^\{"[^"]*":\s*(-?\d+(?:\.\d+)?)\}$/.exec(lines[0] ?? '') ?? []) : []
  return { text: query, schemas, rows: lines.length, sha256, number }
}

/** What differs between two answers, as a line; empty when nothing does. */
export function compareAnswers(dumped: Answered, restored: Answered): string {
  if (dumped.sha256 === restored.sha256) return ''
  const [was, is] = [dumped, restored].map(({ number, rows }) => number || `${rows} rows`)
  return was === is
    ? `${dumped.text} answers with other values, ${is ?? ''} as before`
    : `${dumped.text} answers ${is ?? ''}, was dumped with ${was ?? ''}`
}

/** That a backup's own query was not asked of what was restored, for the summary. */
export function describeUnasked(dumped: Answered | undefined, question: string): Evidence[] {
  if (!dumped || dumped.text === question) return []
  const finding =
    'the one that the backup was taken with was not asked again: the runbook has another one, or none'
  return [{ subject: 'verify-query', finding, tone: 'note' }]
}

/** As a part of a larger one: whatever it is, it reads. */
function wrap(query: string): string {
  return `SELECT row_to_json(asked)::text AS line FROM (${withoutEnd(query, '; \n\r\t')}\n) AS asked`
}

/** As `beginReading` has it; see there. */
async function restrict(session: PostgresSession, kinds: string): Promise<void> {
  await session.rows(
    `SELECT pg_catalog.set_config(name, $1, true) FROM pg_catalog.pg_settings WHERE name = 'restrict_nonsystem_relation_kind'`,
    [kinds],
  )
}

async function setPath(session: PostgresSession, path: string): Promise<void> {
  await session.rows(`SELECT pg_catalog.set_config('search_path', $1, true)`, [path])
}
