import { messageOf, ToolError } from '../../outcome/errors.ts'
import { connect, sqlState, type ConnectOptions, type PostgresSession } from './postgres.ts'
import type { PostgresServer } from './postgres-url.ts'

/** A program between us and the server that keeps connections to it and lends them (PgBouncer, Odyssey, RDS Proxy...). */
export interface Pooler {
  /** For how long a client has a connection of the server to itself. */
  lends: 'for-a-transaction' | 'for-a-session'
  /** How it was recognised, in words. */
  sign: string
}

/** Rounds that are tried where a pooler is known to be there; of one that chooses by chance between two, 1 in 1,000 is missed. */
const rounds = 10
/** And where nothing points to one. */
const fewRounds = 2
/** A pool without a connection to spare lets a client wait. */
const answerWithinMs = 5_000

/**
 * Finds out by its behaviour whether a pooler stands before the server, and whether it lends one connection to several
 * clients in turn. Sets nothing, and reads nothing but process numbers.
 * @returns undefined when the server itself answers
 * @throws ToolError when it cannot be reached
 */
export async function findPooler(
  server: PostgresServer,
  options: ConnectOptions,
): Promise<Pooler | undefined> {
  const late = new AbortController()
  const limited = { ...options, signal: AbortSignal.any([options.signal, late.signal]) }
  const one = await connect(server, limited)
  let timer: NodeJS.Timeout | undefined
  try {
    const isForeign = await isAnnouncedByAnother(one)
    timer = setTimeout(() => late.abort(), answerWithinMs)
    const sign = await findSharing(one, server, limited, isForeign ? rounds : fewRounds)
    if (sign !== undefined) return { lends: 'for-a-transaction', sign }
    if (!isForeign) return undefined
    return { lends: 'for-a-session', sign: 'what answers there is not the process that serves the session' }
  } catch (error) {
    options.signal.throwIfAborted()
    if (!late.signal.aborted) throw error
    const sign = `it gave no second session within ${answerWithinMs / 1_000} s`
    return { lends: 'for-a-transaction', sign }
  } finally {
    clearTimeout(timer)
    await one.close()
  }
}

/**
 * Refuses an address where a session is not ours alone: settings that we, pg_dump or pg_restore make for one would stay for
 * other clients of the pooler, whose queries then fail.
 * @param where the input's name or place, for the message
 * @throws ToolError (`pooler-in-the-way`) that says which address is needed
 */
export async function requireOwnSession(
  where: string,
  server: PostgresServer,
  options: ConnectOptions,
): Promise<void> {
  const pooler = await findPooler(server, options)
  if (pooler?.lends === 'for-a-transaction') throw poolerError(where, server, pooler.sign)
}

/** The refusal of an address. */
export function poolerError(where: string, { host, port, database }: PostgresServer, why: string): ToolError {
  return new ToolError(
    `${where} leads to a connection pooler at ${host}:${port}, not to the PostgreSQL server itself (${why}); nothing was set or changed`,
    {
      tool: 'connection pooler',
      reason: 'pooler-in-the-way',
      hint: `Give the address of the server that has ${database}: as database-url, or as DATABASE_URL in the file that backup.env-file names. The service goes on to use the pooler.`,
    },
  )
}

/** True when the session is with something else than the server's process: the number that was announced is not its own. */
export async function isAnnouncedByAnother(session: PostgresSession): Promise<boolean> {
  return session.announcedPid !== (await pidOf(session))
}

/**
 * Two sessions that both stay open are served by two processes, each by the same one throughout. Anything else means that
 * processes are lent.
 * @returns what was seen, or undefined
 */
async function findSharing(
  one: PostgresSession,
  server: PostgresServer,
  options: ConnectOptions,
  tries: number,
): Promise<string | undefined> {
  const lent = 'two sessions were served by one process in turn'
  const first = await pidOf(one)
  const other = await connect(server, options)
  try {
    const second = await pidOf(other)
    if (first === second) return lent
    for (let round = 0; round < tries; round++) {
      // Both are held at once, then given back in either order: a pool that takes the newest first, or the oldest, or any,
      // will lend the other one.
      const order = round % 2 === 0 ? [one, other] : [other, one]
      for (const session of order) await session.rows('BEGIN TRANSACTION READ ONLY')
      const held = [await pidOf(one), await pidOf(other)]
      for (const session of order) await session.rows('ROLLBACK')
      const after = [await pidOf(one), await pidOf(other)]
      if ([held, after].some(([a, b]) => a !== first || b !== second)) return lent
    }
    return undefined
  } catch (error) {
    options.signal.throwIfAborted()
    // PgBouncer in statement mode (08P01), and others in their own words.
    if (!/transaction/i.test(messageOf(error)) && sqlState(error) !== '08P01') throw error
    return `it refuses transactions: ${messageOf(error)}`
  } finally {
    await other.close()
  }
}

async function pidOf(session: PostgresSession): Promise<number> {
  const [row] = await session.rows<{ pid: number }>('SELECT pg_catalog.pg_backend_pid() AS pid')
  return row?.pid ?? 0
}
