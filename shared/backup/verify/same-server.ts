import { readFile, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError, ToolError } from '../../outcome/errors.ts'
import type { PostgresSession } from '../../integrations/database/postgres.ts'
import type { PostgresServer } from '../../integrations/database/postgres-url.ts'
import { showSize } from '../../config/values.ts'

/** A scratch database beside the live one takes its size, and as much again while its indexes are built. */
const timesFree = 2

/** Seconds from the start of PostgreSQL's process, which its pid file has, to the time that it calls its start. */
const startsWithin = 10

/** True when both sessions are with one server, under whatever addresses. */
export async function isSameServer(one: PostgresSession, other: PostgresSession): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map(readStart))
  return a === b
}

/**
 * Refuses to fill the disk that the live database writes to.
 * @param size of the database, in bytes
 * @param stated what the input `verify-free-disk` says is free, in bytes; undefined: it says nothing
 * @throws ToolError when too little is free, InputError when that cannot be found out
 */
export async function requireRoomBeside(
  session: PostgresSession,
  server: PostgresServer,
  size: number,
  stated: number | undefined,
): Promise<void> {
  const free = (await measure(session, server)) ?? stated
  const needed = size * timesFree
  if (free === undefined)
    throw new InputError(
      `verify: same-server takes ${showSize(needed)} of free disk on ${server.host}, and what is free there cannot be seen from here`,
      {
        hint: 'Look there (df -h), and set verify-free-disk to it; or let verify-url name another server.',
      },
    )
  if (free >= needed) return
  throw new ToolError(
    `${server.host} has ${showSize(free)} free; a scratch database beside the live one takes ${showSize(needed)}`,
    {
      tool: 'PostgreSQL',
      hint: 'Free space on its disk, or restore into another server with verify-url.',
    },
  )
}

/** When the server was started, to the microsecond. */
async function readStart(session: PostgresSession): Promise<string> {
  const [row] = await session.rows<{ start: string }>(
    'SELECT extract(epoch FROM pg_postmaster_start_time())::text AS start',
  )
  return row?.start ?? ''
}

/** Bytes free on the disk of a server of this machine; undefined where it cannot be seen. */
async function measure(session: PostgresSession, { host, via }: PostgresServer): Promise<number | undefined> {
  if (via ?? !(host.startsWith('/') || ['localhost', '127.0.0.1', '::1'].includes(host))) return undefined
  try {
    const [row] = await session.rows<{ folder: string }>(`SELECT current_setting('data_directory') AS folder`)
    const folder = row?.folder ?? ''
    // A container's server has a folder of that name too, which is not this machine's.
    const process = Number((await readFile(join(folder, 'postmaster.pid'), 'utf8')).split('\n')[2])
    const server = Number(await readStart(session))
    if (!(process <= server && server - process < startsWithin)) return undefined
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    return undefined
  }
}
