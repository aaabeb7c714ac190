import { messageOf, ToolError } from '../../outcome/errors.ts'
import { sqlState } from '../../integrations/database/postgres.ts'
import type { PostgresServer } from '../../integrations/database/postgres-url.ts'

/**
 * An error of a server whose table of locks is full (SQLSTATE 53200) with a hint that names that server: PostgreSQL's own
 * says only which setting is too low. Any other error is returned as it is.
 * @param otherwise what can be done without changing that server; empty: nothing
 */
export function explainLockShortage(error: unknown, { host, port }: PostgresServer, otherwise = ''): unknown {
  if (!(error instanceof ToolError)) return error
  if (sqlState(error) !== '53200' && !error.stderr.includes('out of shared memory')) return error
  const { tool, code, stderr, reason } = error
  return new ToolError(messageOf(error), {
    tool,
    ...(code === undefined ? {} : { code }),
    ...(reason === undefined ? {} : { reason }),
    stderr,
    hint: `Raise max_locks_per_transaction of the server ${host}:${port} and restart it: one statement on a partitioned table locks all of its partitions and their indexes.${otherwise}`,
    cause: error.cause,
  })
}
