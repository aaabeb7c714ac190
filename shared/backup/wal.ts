import { connect } from '../integrations/database/postgres.ts'
import type { PostgresServer } from '../integrations/database/postgres-url.ts'

/** What a server says of the archiving of its write-ahead log. */
export interface WalArchive {
  /** Whether it archives at all. */
  on: boolean
  /** Milliseconds since the newest segment was archived, by the server's clock; undefined when none ever was. */
  ageMs: number | undefined
  /** The segment that could not be archived, when that was later than the last that could. */
  failing: string | undefined
  /**
   * Milliseconds after which the server archives whatever was written (archive_timeout), where nothing is waiting for that
   * but the segment that is being filled; undefined where something is, or no such time is set.
   */
  doneWithinMs: number | undefined
}

/** Reads how far a server's write-ahead log is archived: `pg_stat_archiver`, which every user may read. */
export async function readWalArchive(
  server: PostgresServer,
  options: { signal: AbortSignal; timeoutMs?: number },
): Promise<WalArchive> {
  const session = await connect(server, options)
  try {
    const [row] = await session.rows<Row>(
      `SELECT current_setting('archive_mode') <> 'off' AS on,
              (1000 * extract(epoch FROM clock_timestamp() - last_archived_time))::float8 AS age,
              CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN last_failed_wal END AS failing,
              last_archived_wal AS archived,
              CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_lsn()) END AS current,
              (SELECT setting::float8 FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size') AS bytes,
              (SELECT setting::float8 FROM pg_catalog.pg_settings WHERE name = 'archive_timeout') AS seconds
         FROM pg_catalog.pg_stat_archiver`,
    )
    return {
      on: row?.on ?? false,
      ageMs: row?.age ?? undefined,
      failing: row?.failing ?? undefined,
      doneWithinMs: row && row.seconds > 0 && isUpToDate(row) ? row.seconds * 1_000 : undefined,
    }
  } finally {
    await session.close()
  }
}

interface Row {
  on: boolean
  age: number | null
  failing: string | null
  archived: string | null
  current: string | null
  /** Size of a segment. */
  bytes: number
  /** archive_timeout. */
  seconds: number
}

/** Whether every segment before the one that is being filled is archived. */
function isUpToDate({ archived, current, bytes }: Row): boolean {
  if (archived === null || current === null) return false
  const [last, filling] = [segmentOf(archived, bytes), segmentOf(current, bytes)]
  return last !== undefined && filling !== undefined && filling - last <= 1
}

/**
 * The number of a segment: a file's name is its timeline, and two halves of where it begins, each of eight hex digits
 * (PostgreSQL: WAL Internals). A timeline's end may be archived as `.partial`.
 */
function segmentOf(name: string, bytes: number): number | undefined {
  const [, high, low] = /^[0-9A-F]{8}([0-9A-F]{8})([0-9A-F]{8})(\.partial)?$/.exec(name) ?? []
  if (high === undefined || low === undefined) return undefined
  return parseInt(high, 16) * (2 ** 32 / bytes) + parseInt(low, 16)
}
