import { homedir } from 'node:os'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readPassword, readService } from './postgres-files.ts'
import { InputError } from '../../outcome/errors.ts'

const sslmodes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const

/** One database of one server, and how it is reached. Holds the password: never logged. */
export interface PostgresServer {
  /** Host name, address, or the directory of a Unix socket. */
  host: string
  port: number
  user: string
  password: string
  database: string
  sslmode: (typeof sslmodes)[number]
  /** Files, as libpq's parameters of these names; empty when there are none. */
  sslrootcert: string
  sslcert: string
  sslkey: string
  /** Command-line options for the server process, as libpq's `options`. */
  options: string
  connectTimeoutMs: number
  /** Where it is reached, when that is not its host: at the beginning of a tunnel, or by libpq's `hostaddr`. */
  via: { host: string; port: number } | undefined
}

const accepts = 'a URL like postgresql://user:password@host:5432/database?sslmode=require'

/**
 * Reads a database URL as libpq does; what it leaves out comes from the service that it or PGSERVICE names, then from the
 * PG* variables, then from libpq's defaults; the password at last from the password file.
 * Parameters that libpq does not know (Prisma's `schema`, pools' sizes) are passed over. Messages never show the URL.
 * @param where the input's name or `file KEY`, for errors
 * @param env the process's environment
 */
export function parsePostgresUrl(
  where: string,
  url: string,
  env: Record<string, string | undefined>,
): PostgresServer {
  const fail = (why: string, hint?: string) =>
    new InputError(`${where} ${why}; accepted: ${accepts}`, { hint: hint ?? `Set ${where} to ${accepts}.` })
  if (url === '') throw InputError.of(where, undefined, accepts)
  const parts = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(url)
  if (!parts) throw fail('is not a PostgreSQL URL', specialCharacters(where))
  const decode = (text: string) => {
    try {
      return decodeURIComponent(text)
    } catch {
      throw fail('has a % that is not followed by two hexadecimal digits', specialCharacters(where))
    }
  }
  const [, credentials = '', authority = '', path = '', query = ''] = parts
  if (authority.includes(',')) throw fail('names several hosts', 'Name the one host to connect to.')
  const authorityParts = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(authority)
  if (!authorityParts) throw fail('has an address that is not host:port', specialCharacters(where))
  const [, name = '', password = ''] = /^([^:]*)(?::(.*))?$/s.exec(credentials) ?? []
  const said = new Map([...new URLSearchParams(query)].filter(([, value]) => value !== ''))
  const serviceName = said.get('service') ?? env['PGSERVICE'] ?? ''
  const service = serviceName === '' ? new Map<string, string>() : readService(where, serviceName, env)
  const pick = (parameter: string, inUrl: string, variable: string, otherwise: string) =>
    [said.get(parameter), inUrl, service.get(parameter), env[variable]].find(
      text => text !== undefined && text !== '',
    ) ?? otherwise

  const host = pick('host', decode((authorityParts[1] ?? '').replace(/^\[|\]$/g, '')), 'PGHOST', 'localhost')
  const user = pick('user', decode(name), 'PGUSER', env['USER'] ?? 'postgres')
  const port = pick('port', authorityParts[2] ?? '', 'PGPORT', '5432')
  const sslmode = sslmodes.find(mode => mode === pick('sslmode', '', 'PGSSLMODE', 'prefer'))
  const address = pick('hostaddr', '', 'PGHOSTADDR', '')
  const database = pick('dbname', decode(path), 'PGDATABASE', user)
  const seconds = pick('connect_timeout', '', 'PGCONNECT_TIMEOUT', '10')
  if (!(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65535))
    throw fail('has a port that is not a number from 1 to 65535')
  if (!sslmode) throw fail(`has an sslmode that is none of ${sslmodes.join(', ')}`)
  if (!/^\d{1,6}$/.test(seconds)) throw fail('has a connect_timeout that is not a number of seconds')
  const server: PostgresServer = {
    host,
    port: Number(port),
    user,
    password:
      pick('password', decode(password), 'PGPASSWORD', '') ||
      (readPassword({ host, port, database, user }, env) ?? ''),
    database,
    sslmode,
    sslrootcert: pick('sslrootcert', '', 'PGSSLROOTCERT', defaultRootCertificate()),
    sslcert: pick('sslcert', '', 'PGSSLCERT', ''),
    sslkey: pick('sslkey', '', 'PGSSLKEY', ''),
    options: pick('options', '', 'PGOPTIONS', ''),
    // libpq: 0 waits for ever; a bounded step does not.
    connectTimeoutMs: (Number(seconds) || 60) * 1_000,
    via: address === '' ? undefined : { host: address, port: Number(port) },
  }
  const files = [server.sslrootcert, server.sslcert, server.sslkey]
  const missing = files.find(file => file !== '' && file !== 'system' && !existsSync(file))
  if (missing !== undefined) throw fail(`names the file ${missing}, which does not exist`)
  if (sslmode.startsWith('verify') && server.sslrootcert === '')
    throw fail(
      `has sslmode=${sslmode} and no root certificate to verify by`,
      'Add sslrootcert=/path/to/ca.pem to the URL.',
    )
  return server
}

/** The same server, another database of it. */
export function withDatabase(server: PostgresServer, database: string): PostgresServer {
  return { ...server, database }
}

/** The same server, reached at the beginning of a tunnel where there is one. */
export function throughAddress(server: PostgresServer, via: PostgresServer['via']): PostgresServer {
  return via ? { ...server, via } : server
}

/** `host:port/database`, for people and records: without user and password. */
export function describeServer({ host, port, database }: PostgresServer): string {
  return `${host}:${port}/${database}`
}

/**
 * The environment of a libpq program that is to reach `server`: the password travels here, never in its arguments.
 * @param env the process's environment; PG* variables of its own are taken out first
 */
export function libpqEnvironment(
  server: PostgresServer,
  env: Record<string, string | undefined>,
): Record<string, string | undefined> {
  const others = Object.entries(env).filter(([name]) => !name.startsWith('PG'))
  const said = {
    PGHOST: server.host,
    // What the certificate must name stays PGHOST.
    PGHOSTADDR: server.via?.host ?? '',
    PGPORT: String((server.via ?? server).port),
    PGUSER: server.user,
    PGPASSWORD: server.password,
    PGDATABASE: server.database,
    PGSSLMODE: server.sslmode,
    PGSSLROOTCERT: server.sslrootcert,
    PGSSLCERT: server.sslcert,
    PGSSLKEY: server.sslkey,
    PGOPTIONS: server.options,
    PGCONNECT_TIMEOUT: String(Math.ceil(server.connectTimeoutMs / 1_000)),
    PGAPPNAME: 'runbook-actions',
  }
  const set = Object.entries(said).filter(([, value]) => value !== '')
  // English messages: they are read by people and matched for hints.
  return { ...Object.fromEntries([...others, ...set]), LC_MESSAGES: 'C' }
}

function defaultRootCertificate(): string {
  const file = join(homedir(), '.postgresql', 'root.crt')
  return existsSync(file) ? file : ''
}

function specialCharacters(where: string): string {
  return `Set ${where} to ${accepts}; write special characters of the password as %XX (@ is %40, / is %2F, # is %23).`
}
