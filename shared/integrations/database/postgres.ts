import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import type { Client, ClientConfig, QueryConfig } from 'pg'
import { messageOf, ToolError } from '../../outcome/errors.ts'
import type { PostgresServer } from './postgres-url.ts'

/** One connection to a database. */
export interface PostgresSession {
  /** Number of the process that serves it, as announced for cancelling; of a pooler, a number of the pooler's own. */
  announcedPid: number
  /** Runs one statement; values travel apart from it. @throws ToolError with the server's message and SQLSTATE */
  rows<T>(sql: string, values?: unknown[]): Promise<T[]>
  /**
   * Runs one statement that a user wrote, by the extended protocol: the server refuses a text that holds a second one.
   * @throws ToolError as `rows`
   */
  ask<T>(sql: string): Promise<T[]>
  /** Gives the connection back; never throws. */
  close(): Promise<void>
}

export interface ConnectOptions {
  /** Ends the connection, and with it whatever runs on it. */
  signal: AbortSignal
  /** Milliseconds for reaching the server; default: the URL's connect_timeout, else 10 seconds. */
  timeoutMs?: number
}

/** What `pg_stat_activity` shows of our connections. */
const applicationName = 'runbook-actions'

/**
 * Opens a connection. TLS is used as libpq would: by default where the server has it, without asking who it is.
 * @throws ToolError that says which of address, password, database or certificate is wrong
 */
export async function connect(
  server: PostgresServer,
  { signal, timeoutMs }: ConnectOptions,
): Promise<PostgresSession> {
  signal.throwIfAborted()
  const within = timeoutMs ?? server.connectTimeoutMs
  try {
    return await open(server, tlsOf(server), within, signal)
  } catch (error) {
    signal.throwIfAborted()
    const optional = server.sslmode === 'prefer' || server.sslmode === 'allow'
    if (!(optional && messageOf(error).includes('does not support SSL'))) throw connectError(server, error)
  }
  try {
    return await open(server, false, within, signal)
  } catch (error) {
    signal.throwIfAborted()
    throw connectError(server, error)
  }
}

/** A name of the database as SQL wants it: in double quotes. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text as SQL wants it: for the few statements that take no values, like ALTER DATABASE. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? ` E${quoted}` : quoted
}

/** SQLSTATE of an error that `rows` threw, or the empty string. */
export function sqlState(error: unknown): string {
  const cause: unknown = error instanceof ToolError ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? cause.code : ''
  return typeof code === 'string' ? code : ''
}

async function open(
  server: PostgresServer,
  ssl: ClientConfig['ssl'],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<PostgresSession> {
  const { default: pg } = await import('pg')
  const { user, password, database, options } = server
  const { host, port } = server.via ?? server
  const client = new pg.Client({
    host,
    port,
    user,
    database,
    ssl,
    // A function, so that neither PGPASSWORD nor ~/.pgpass of this process is taken in its place.
    password: () => password,
    options,
    application_name: applicationName,
    connectionTimeoutMillis: timeoutMs,
    keepAlive: true,
  })
  // An empty text would let PGOPTIONS in; and poolers refuse a client that sends options at all.
  if (options === '') withoutOptions(client)
  // A connection that breaks while nothing runs on it says so here; the next statement fails with the reason.
  client.on('error', () => undefined)
  const onAbort = () => streamOf(client).destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await client.connect()
  } catch (error) {
    signal.removeEventListener('abort', onAbort)
    streamOf(client).destroy()
    throw error
  }
  const run = async <T>(query: QueryConfig): Promise<T[]> => {
    try {
      return (await client.query(query)).rows as T[]
    } catch (error) {
      signal.throwIfAborted()
      throw statementError(error)
    }
  }
  return {
    announcedPid: (client as unknown as { processID: number | null }).processID ?? 0,
    rows: <T>(text: string, values: unknown[] = []) => run<T>({ text, values }),
    ask: <T>(text: string) => run<T>(extended(text)),
    async close() {
      signal.removeEventListener('abort', onAbort)
      await client.end().catch(() => undefined)
    },
  }
}

/** Without values, pg would send a text by the simple protocol, in which it may hold several statements. */
function extended(text: string): QueryConfig {
  // Of pg since 8.12, and not in its types.
  return { text, queryMode: 'extended' } as QueryConfig
}

function withoutOptions(client: Client): void {
  delete (client as unknown as { connectionParameters: { options?: string } }).connectionParameters.options
}

function streamOf(client: Client): { destroy(): void } {
  return (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream
}

function tlsOf(server: PostgresServer): ClientConfig['ssl'] {
  const { sslmode, sslrootcert, sslcert, sslkey, host, via } = server
  if (sslmode === 'disable' || (!via && host.startsWith('/'))) return false
  const read = (file: string) => readFileSync(file, 'utf8')
  const own = {
    ...(sslcert && sslkey ? { cert: read(sslcert), key: read(sslkey) } : {}),
    ...(via && isIP(host) === 0 ? { servername: host } : {}),
  }
  const ca =
    sslrootcert && sslrootcert !== 'system' && existsSync(sslrootcert) ? read(sslrootcert) : undefined
  // With a root certificate at hand, libpq treats `require` as `verify-ca`.
  const verified = sslmode.startsWith('verify') || (sslmode === 'require' && sslrootcert !== '')
  if (!verified) return { ...own, rejectUnauthorized: false }
  // At the end of a tunnel the certificate names the server, not the address where the tunnel begins.
  const identity =
    sslmode !== 'verify-full'
      ? { checkServerIdentity: () => undefined }
      : via
        ? { checkServerIdentity: (_name: string, found: PeerCertificate) => checkServerIdentity(host, found) }
        : {}
  return { ...own, rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }), ...identity }
}

function statementError(error: unknown): ToolError {
  const { code, detail, hint } = error as { code?: string; detail?: string; hint?: string }
  const state = code ? ` (SQLSTATE ${code})` : ''
  return new ToolError(`PostgreSQL: ${messageOf(error)}${state}`, {
    tool: 'PostgreSQL',
    hint: hint ?? 'Look at the message, and at the log of the database server.',
    ...(detail ? { stderr: detail } : {}),
    cause: error,
  })
}

function connectError(server: PostgresServer, error: unknown): ToolError {
  const where = server.host.startsWith('/') ? server.host : `${server.host}:${server.port}`
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  // An AggregateError of several addresses has no message of its own.
  const message = messageOf(error) || code
  return new ToolError(`PostgreSQL at ${where}: ${message}`, {
    tool: 'PostgreSQL',
    hint: connectHint(server, code, message),
    cause: error,
  })
}

function connectHint({ user, database, host }: PostgresServer, code: string, message: string): string {
  if (code === '28P01' || code === '28000')
    return `Check the user ${user} and its password in the database URL.`
  if (code === '3D000' && !message.startsWith('no such database'))
    return `Check the name of the database in the URL: ${database} does not exist there.`
  if (/unsupported startup parameter|no such (database|user): |pooler|pgbouncer/i.test(message))
    return `What answers there is a connection pooler: give the address of the PostgreSQL server itself that has ${database}.`
  if (code === '53300') return 'Close connections, or raise max_connections of the server.'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `Check the host name ${host} in the database URL.`
  if (/certificate|SSL|TLS|altnames/i.test(message))
    return 'Check sslmode and sslrootcert in the database URL.'
  return 'Check that the server runs, and that this machine may reach its address and port.'
}
