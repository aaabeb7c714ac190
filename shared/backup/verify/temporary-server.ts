import { statfs } from 'node:fs/promises'
import { ToolError } from '../../outcome/errors.ts'
import { connect } from '../../integrations/database/postgres.ts'
import type { PostgresServer } from '../../integrations/database/postgres-url.ts'
import { showSize } from '../../config/values.ts'
import { lastLine, type watchExit } from '../dump/child.ts'
import type { DatabaseFacts } from '../storage/manifest.ts'
import type { BackupPorts } from '../ports.ts'

/** A PostgreSQL server for one restore, which no other process of this machine reaches. */
export interface TemporaryServer {
  server: PostgresServer
  stop(): Promise<void>
}

/** What a server is made and run with, by their absolute paths. */
export interface ServerPrograms {
  initdb: string
  postgres: string
}

/** What will be restored into it: its size in bytes, its relations, and the superuser that may own parts of it. */
export type Restored = Pick<DatabaseFacts, 'size' | 'relations' | 'superuser'>

/** initdb writes 40 MB and starts a server twice; on a machine with other work that takes a minute. */
const startWithinMs = 180_000

const connections = 20
/** For a database whose backup does not say how many relations it has. */
const manyRelations = 100_000
/** A statement on a partitioned table locks all of it, with indexes; a new relation beside an old one may be locked too. */
const locksPerRelation = 2
/** For what the restore has besides. */
const moreLocks = 10_000

/**
 * A server's options. It lives for minutes and is thrown away: nothing that guards against a crash is needed. It has as
 * many locks as the largest statement on the database can take (some 300 bytes of memory each, about 60 MB for 100,000
 * relations), whatever the server at home is set to. Its temporary files may take twice the size of the database, in bytes,
 * and 1 GiB: more than the largest index needs to be sorted.
 */
export const serverSettings = ({ relations, size }: Pick<Restored, 'relations' | 'size'>) => ({
  ...fixedSettings,
  temp_file_limit: `${Math.ceil((size * 2 + 2 ** 30) / 1024)}kB`,
  max_locks_per_transaction: String(
    Math.ceil(((relations ?? manyRelations) * locksPerRelation + moreLocks) / connections),
  ),
})

const fixedSettings = {
  listen_addresses: '',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '4GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
  shared_buffers: '256MB',
  maintenance_work_mem: '256MB',
  max_connections: String(connections),
  jit: 'off',
}

/** How a server is reached over the socket in a folder. */
export function socketServer(folder: string, user: string, password: string): PostgresServer {
  return {
    ...{ host: folder, port: 5432, user, password, database: 'postgres', options: '' },
    ...{ sslmode: 'disable', sslrootcert: '', sslcert: '', sslkey: '' },
    ...{ connectTimeoutMs: 10_000, via: undefined },
  }
}

/** Waits until a server takes connections. @throws ToolError when it ends before, or takes too long */
export async function untilReady(
  { clock, signal }: BackupPorts,
  server: PostgresServer,
  ended: ReturnType<typeof watchExit>,
): Promise<void> {
  const giveUp = clock.elapsed() + startWithinMs
  let gone: string | undefined
  void ended.then(({ stderr }) => {
    gone = stderr
  })
  for (;;) {
    try {
      await (await connect(server, { signal })).close()
      return
    } catch (error) {
      signal.throwIfAborted()
      if (gone !== undefined) throw startError(gone)
      if (clock.elapsed() > giveUp) throw error
      await clock.sleep(50, signal)
    }
  }
}

/** Restored, a database is about as large as it was; its indexes are built through temporary files. */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const [free, needed] = [bavail * bsize, bytes * 1.3 + 128 * 2 ** 20]
  if (free >= needed) return
  throw new ToolError(
    `${folder} has ${showSize(free)} free; restoring the backup to verify it takes ${showSize(needed)}`,
    {
      tool: 'temporary server',
      hint: 'Set TMPDIR to a folder on a larger disk, or name a server with verify-url.',
    },
  )
}

/** What to install for a temporary server, or to do instead. */
export function noServerHint(major: number): { tool: string; hint: string } {
  return {
    tool: 'postgres',
    hint: `Install postgresql-${major} beside the client, give this machine a Docker engine, or name a server to restore into with verify-url; verify: list proves less, and says so.`,
  }
}

/** Why a server ended before it took connections, in its own last words. */
function startError(stderr: string): ToolError {
  return new ToolError(`The temporary server could not be started: ${lastLine(stderr)}`, {
    tool: 'postgres',
    stderr,
    hint: 'Look at its messages, or name a server to restore into with verify-url.',
  })
}
