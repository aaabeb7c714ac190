import { connect } from '../platform/postgres.ts'
import type { PostgresServer } from '../platform/postgres-url.ts'

/** What a server says of the archiving of its write-ahead log. */
export interface WalArchive {
  /** Whether it archives at all. */
  on: boolean
  /** Milliseconds since the newest segment was archived, by the server's clock; undefined when none ever was. */
  ageMs: number | undefined
  /** The segment that could not be archived, when that was later than the last that could. */
  failing: string | undefined
}

/** Reads how far a server's write-ahead log is archived: `pg_stat_archiver`, which every user may read. */
export async function readWalArchive(
  server: PostgresServer,
  options: { signal: AbortSignal; timeoutMs?: number },
): Promise<WalArchive> {
  const session = await connect(server, options)
  try {
    const [row] = await session.rows<{ on: boolean; age: number | null; failing: string | null }>(
      `SELECT current_setting('archive_mode') <> 'off' AS on,
              (1000 * extract(epoch FROM clock_timestamp() - last_archived_time))::float8 AS age,
              CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN last_failed_wal END AS failing
         FROM pg_catalog.pg_stat_archiver`,
    )
    return { on: row?.on ?? false, ageMs: row?.age ?? undefined, failing: row?.failing ?? undefined }
  } finally {
    await session.close()
  }
}
