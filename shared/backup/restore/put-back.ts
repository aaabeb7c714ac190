import { messageOf, ToolError } from '../../outcome/errors.ts'
import type { PostgresServer } from '../../integrations/database/postgres-url.ts'
import type { DatabaseReturn } from '../../release/ledger.ts'
import { seen, type Seen } from '../../release/database-return.ts'
import { dropDatabase } from '../verify/create-database.ts'
import { connectBeside, findDatabase } from '../dump/live-database.ts'
import type { BackupPorts } from '../ports.ts'

/** A server that restarts is back within this time; what cannot be asked cannot be decided. */
const patienceMs = 60_000
const pauseMs = 2_000

/**
 * Looks which of two databases bears the live name.
 * @throws ToolError when the server does not answer for a minute: then nothing may be done
 */
export async function lookAt(
  { clock, log, signal }: Pick<BackupPorts, 'clock' | 'log' | 'signal'>,
  server: PostgresServer,
  database: DatabaseReturn,
): Promise<Seen> {
  const giveUp = clock.elapsed() + patienceMs
  for (;;) {
    try {
      const beside = await connectBeside(server, signal)
      try {
        const [live, restored] = [
          await findDatabase(beside, database.live),
          await findDatabase(beside, database.restored),
        ]
        return seen(database, live, restored)
      } finally {
        await beside.close()
      }
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof ToolError) || clock.elapsed() >= giveUp) throw error
      log.warn(`${messageOf(error)} It is asked again.`)
      await clock.sleep(pauseMs, signal)
    }
  }
}

/**
 * Drops the restored database, so that it cannot be swapped in any more, not even by a command that is under way.
 * @throws ToolError when the server does not answer: then it may still be swapped in
 */
export async function dropRestored(
  { signal }: Pick<BackupPorts, 'signal'>,
  server: PostgresServer,
  { restored }: DatabaseReturn,
): Promise<void> {
  const beside = await connectBeside(server, signal)
  try {
    await dropDatabase(beside, restored)
  } finally {
    await beside.close()
  }
}
