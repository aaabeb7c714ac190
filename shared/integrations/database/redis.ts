import { InputError, messageOf, ToolError } from '../../outcome/errors.ts'
import { codeOf } from '../http/http-fault.ts'

/** One Redis server, and how it is reached. Holds the password: never logged. */
export interface RedisServer {
  host: string
  port: number
  username: string
  password: string
  database: number
  tls: boolean
  /** Where a tunnel to it begins on this machine; undefined: it is reached itself. */
  via?: { host: string; port: number } | undefined
}

/** One connection to a Redis server, authenticated. */
export interface RedisSession {
  /** Runs one command. @throws ToolError with the server's message */
  call(command: string, ...args: string[]): Promise<unknown>
  close(): void
}

export interface RedisOptions {
  /** Ends the connection, and with it whatever runs on it. */
  signal: AbortSignal
  /** Milliseconds for reaching the server. */
  timeoutMs: number
}

const accepts = 'a URL like redis://user:password@host:6379/0'

/**
 * Reads a Redis URL.
 * @param where the input's name or `file KEY`, for errors, which never show the URL
 * @param password for a URL that carries none, as services have it in REDIS_PASSWORD; empty when there is none
 * @throws InputError
 */
export function parseRedisUrl(where: string, text: string, password: string): RedisServer {
  const url = URL.parse(text)
  const database = url?.pathname.replace(/^\//, '') ?? ''
  if (!url || !['redis:', 'rediss:'].includes(url.protocol) || !/^\d{0,4}$/.test(database)) {
    throw new InputError(`${where} is not a Redis URL; accepted: ${accepts}`, {
      hint: `Set ${where} to ${accepts}; write special characters of the password as %XX.`,
    })
  }
  const decode = (part: string) => {
    try {
      return decodeURIComponent(part)
    } catch (cause) {
      throw new InputError(`${where} has a % that is not followed by two hexadecimal digits`, {
        hint: `Write special characters of the password of ${where} as %XX (% itself is %25).`,
        cause,
      })
    }
  }
  return {
    host: url.hostname === '' ? 'localhost' : url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 6379 : Number(url.port),
    username: decode(url.username),
    password: url.password === '' ? password : decode(url.password),
    database: Number(database),
    tls: url.protocol === 'rediss:',
  }
}

/**
 * Connects and authenticates; nothing is tried twice.
 * @throws ToolError that says which of address, password or database is wrong
 */
export async function openRedis(
  server: RedisServer,
  { signal, timeoutMs }: RedisOptions,
): Promise<RedisSession> {
  signal.throwIfAborted()
  // The bundler finds a CommonJS module's names under its default only, when that is a class.
  const { default: ioredis } = await import('ioredis')
  const { tls, username, password, database, via } = server
  const { host, port } = via ?? server
  const redis = new ioredis.Redis({
    host,
    port,
    // The certificate is the server's, whatever leads there.
    ...(tls ? { tls: { servername: server.host } } : {}),
    connectTimeout: timeoutMs,
    // A timer that outlives a connection which never was, and keeps the process up for as long.
    disconnectTimeout: 100,
    lazyConnect: true,
    // Both would speak before AUTH, and turn its answer into a warning.
    enableReadyCheck: false,
    disableClientInfo: true,
    protocol: 2,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  let broken: unknown
  redis.on('error', (error: unknown) => {
    broken = error
  })
  const onAbort = () => redis.disconnect()
  signal.addEventListener('abort', onAbort, { once: true })
  const close = () => {
    signal.removeEventListener('abort', onAbort)
    redis.disconnect()
  }
  const call = async (command: string, ...args: string[]): Promise<unknown> => {
    try {
      return await redis.call(command, ...args)
    } catch (error) {
      signal.throwIfAborted()
      throw refused(server, broken ?? error)
    }
  }
  try {
    await redis.connect().catch((error: unknown) => {
      signal.throwIfAborted()
      throw refused(server, broken ?? error)
    })
    if (password !== '') await call('AUTH', ...(username === '' ? [] : [username]), password)
    if (database !== 0) await call('SELECT', String(database))
    return { call, close }
  } catch (error) {
    close()
    throw error
  }
}

function refused({ host, port }: RedisServer, error: unknown): ToolError {
  const code = codeOf(error)
  const message = messageOf(error) || code
  return new ToolError(`Redis at ${host}:${port}: ${message}`, {
    tool: 'Redis',
    hint: hintFor(message, code, host),
    cause: error,
  })
}

function hintFor(message: string, code: string, host: string): string {
  if (message.startsWith('WRONGPASS') || message.includes('invalid password'))
    return 'Put the password that the server has into REDIS_PASSWORD (or into REDIS_URL).'
  if (message.startsWith('NOAUTH')) return 'Set REDIS_PASSWORD: the server asks for one.'
  if (message.includes('without any password configured'))
    return 'Take REDIS_PASSWORD out, or set requirepass on the server: it has no password.'
  if (message.startsWith('MISCONF'))
    return 'It refuses writes, since it cannot save: make room in its dir, or correct the rights there; after a failed snapshot run BGSAVE, and see that it ends well.'
  if (message.startsWith('NOPERM')) return 'Give the Redis user the right to this command.'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `Check the host name ${host} in REDIS_URL.`
  return 'Check that the server runs, and that this machine may reach its address and port.'
}
