import { quoteIdentifier, type PostgresSession } from '../../integrations/database/postgres.ts'
import type { Clock } from '../../host/clock.ts'
import { connectBeside, findDatabase } from '../dump/live-database.ts'
import type { PostgresServer } from '../../integrations/database/postgres-url.ts'

/** Three names: the one that the service knows, the database that is to bear it, and what becomes of the one that did. */
export interface Swap {
  live: string
  restored: string
  kept: string
}

/** Far more than two renames take; the server itself waits 5 s for connections to end. */
const withinMs = 60_000
/** The server gives up by itself before we do: what it was still at would be done behind our back. */
const statementMs = 20_000

/**
 * Gives the restored database the live one's name, and the live one the name under which it is kept. Both happen in
 * one transaction: if the process is killed at any moment, there is always one database of the live name. Connections to
 * the live one are ended; new ones wait for the moment that it takes, and then reach the restored one.
 * @returns milliseconds from the first ended connection to the end of the transaction
 */
export async function swapDatabases(
  server: PostgresServer,
  { live, restored, kept }: Swap,
  clock: Clock,
): Promise<number> {
  // Not the run's own signal: this short moment is gone through with, or undone by the server.
  const signal = AbortSignal.timeout(withinMs)
  const [renaming, ending] = [await connectBeside(server, signal), await connectBeside(server, signal)]
  const stop = new AbortController()
  const start = clock.elapsed()
  const cleared = keepClear(ending, live, clock, stop.signal)
  try {
    const oid = await findDatabase(renaming, restored)
    try {
      // One message is one transaction: were this machine to vanish between two, the server would go on to hold the lock
      // that new connections wait for. It takes that lock, then waits for the old connections to go.
      await renaming.rows(
        `SET LOCAL statement_timeout = ${statementMs};
         ALTER DATABASE ${quoteIdentifier(live)} RENAME TO ${quoteIdentifier(kept)};
         ALTER DATABASE ${quoteIdentifier(restored)} RENAME TO ${quoteIdentifier(live)}`,
      )
    } catch (error) {
      // The answer may be what was lost.
      if (oid === undefined || (await findDatabase(ending, live).catch(() => undefined)) !== oid) throw error
    }
    return clock.elapsed() - start
  } finally {
    stop.abort()
    await cleared
    await Promise.all([renaming.close(), ending.close()])
  }
}

/** Ends connections to a database again and again: a pool comes back within milliseconds. */
async function keepClear(
  session: PostgresSession,
  database: string,
  clock: Clock,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    await session
      .rows('SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = $1', [
        database,
      ])
      .catch(() => undefined)
    await clock.sleep(100, stop).catch(() => undefined)
  }
}
