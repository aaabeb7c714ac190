import { connect, quoteIdentifier, type PostgresSession } from '../../integrations/database/postgres.ts'
import type { PostgresServer } from '../../integrations/database/postgres-url.ts'
import { readContents, readTables } from '../verify/contents.ts'
import type { DatabaseFacts, Manifest } from '../storage/manifest.ts'
import { beginReading } from '../dump/snapshot.ts'

/** What has become of one table since a backup was taken. */
export interface TableChange {
  /** `public.orders` */
  table: string
  /** Rows that are there now and were not, or not like that. */
  fresh: number
  /** Rows that were there and are not any more, or not like that. */
  gone: number
}

/** All tables in which something differs, those with the most first. */
export interface ChangesSince {
  tables: TableChange[]
  /**
   * `rows`: each row was told by the transaction that wrote it; one that was updated counts as fresh and as gone. Rows
   * that a subtransaction wrote while the backup began may be missed.
   * `counts`: the backup does not say enough, so that only numbers of rows and checksums were compared.
   */
  by: 'rows' | 'counts'
}

/** Finds out what would be lost if a database went back to a backup. Reads every table once, and changes nothing. */
export async function readChanges(
  server: PostgresServer,
  { contents, database }: Manifest,
  signal: AbortSignal,
): Promise<ChangesSince> {
  const session = await connect(server, { signal })
  try {
    await beginReading(session)
    const then = new Map(contents.tables.map(each => [`${each.schema}.${each.table}`, each]))
    const instant = await comparable(session, database.instant)
    if (instant) {
      const found = await countRows(session, instant)
      const tables = found.map(({ table, now, old }) => {
        const rows = then.get(table)?.rows ?? 0
        return { table, fresh: now - old, gone: Math.max(0, rows - old) }
      })
      return { by: 'rows', tables: sorted([...tables, ...dropped(then, found)]) }
    }
    const now = (await readContents(session, contents.hashing)).tables.map(each => ({
      ...each,
      table: `${each.schema}.${each.table}`,
    }))
    const tables = now.map(({ table, rows, checksum }) => {
      const before = then.get(table)
      const more = rows - (before?.rows ?? 0)
      // With as many rows and another checksum, one of them differs at least.
      const least = more === 0 && before?.checksum !== checksum ? 1 : 0
      return { table, fresh: Math.max(least, more), gone: Math.max(least, -more) }
    })
    return { by: 'counts', tables: sorted([...tables, ...dropped(then, now)]) }
  } finally {
    await session.close()
  }
}

/** Tables that were dropped since. */
function dropped(then: Map<string, { rows: number }>, now: { table: string }[]): TableChange[] {
  const there = new Set(now.map(({ table }) => table))
  return [...then]
    .filter(([table]) => !there.has(table))
    .map(([table, { rows }]) => ({ table, fresh: 0, gone: rows }))
}

function sorted(tables: TableChange[]): TableChange[] {
  return tables
    .filter(({ fresh, gone }) => fresh + gone > 0)
    .sort((a, b) => b.fresh + b.gone - (a.fresh + a.gone) || (a.table < b.table ? -1 : 1))
}

/** A snapshot as numbers of transactions, each of 64 bits: `oldest:next:running,...`, and the next one of now. */
interface Instant {
  oldest: string
  next: string
  running: string[]
  now: string
}

/** Numbers of transactions mean something on the server that gave them, and nowhere else. */
async function comparable(
  session: PostgresSession,
  instant: DatabaseFacts['instant'],
): Promise<Instant | undefined> {
  const parts = /^(\d+):(\d+):([\d,]*)$/.exec(instant?.snapshot ?? '')
  const [may] = await session.rows<{ may: boolean }>(
    `SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may`,
  )
  if (!parts || !may?.may) return undefined
  const [row] = await session.rows<{ system: string; now: string }>(
    `SELECT system_identifier::text AS system, txid_snapshot_xmax(txid_current_snapshot())::text AS now
       FROM pg_control_system()`,
  )
  const [, oldest = '', next = '', running = ''] = parts
  if (!row || row.system !== instant?.system || BigInt(next) > BigInt(row.now)) return undefined
  return { oldest, next, running: running === '' ? [] : running.split(','), now: row.now }
}

/**
 * A row bears the lower 32 bits of its transaction's number; the newest number up to now that has them is meant. Rows
 * under 3 are older than any snapshot (PostgreSQL: src/include/access/transam.h).
 */
const writer = `$1::bigint - (($1::bigint - xmin::text::bigint) & 4294967295)`
const isOld = `xmin::text::bigint < 3 OR ${writer} < $2::bigint
  OR (${writer} < $3::bigint AND NOT ${writer} = ANY ($4::bigint[]))`

async function countRows(
  session: PostgresSession,
  { oldest, next, running, now }: Instant,
): Promise<{ table: string; now: number; old: number }[]> {
  const counted = []
  const tables = await readTables(session)
  await session.rows('SAVEPOINT unlocked')
  for (const { schema, table, partitioned } of tables) {
    const from = `${partitioned ? '' : 'ONLY '}${quoteIdentifier(schema)}.${quoteIdentifier(table)}`
    const [row] = await session.rows<{ now: string; old: string }>(
      `SELECT count(*)::text AS now, count(*) FILTER (WHERE ${isOld})::text AS old FROM ${from}`,
      [now, oldest, next, running],
    )
    counted.push({ table: `${schema}.${table}`, now: Number(row?.now ?? 0), old: Number(row?.old ?? 0) })
    // Gives the locks on the table and its indexes back; the snapshot stays.
    await session.rows('ROLLBACK TO SAVEPOINT unlocked')
  }
  return counted
}
