import { cutEnd } from '../../../outcome/cut.ts'
import type { IncomingMessage } from 'node:http'
import { ToolError } from '../../../outcome/errors.ts'
import { collectWithin } from '../../../host/within-limit.ts'
import type { Adapters } from '../../adapters.ts'
import type { EngineAddress } from './address.ts'
import { connectEngine } from './connection.ts'
import { codeOf, notAnEngine, unanswered } from './trouble.ts'

/** One call of the Docker Engine API. */
export interface Call {
  query?: Record<string, string | number | boolean | object>
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is, as a tar archive. */
  archive?: Buffer
  headers?: Record<string, string>
  /** Milliseconds without a byte until the call is given up; default 30 s. */
  idleMs?: number
  /** Told of each piece of the answer of a call that succeeds, as it comes. */
  onData?: (chunk: Buffer) => void
}

export interface Answer {
  status: number
  body: Buffer
}

/** A Docker engine, spoken to directly: a `docker` child would survive its parent's SIGKILL. */
export interface Engine {
  readonly place: string
  readonly host: string
  readonly local: boolean
  /** The call's answer, whatever its status. Throws a ToolError when there is none. */
  call(method: string, path: string, call?: Call): Promise<Answer>
  /** The answer's JSON. Throws a ToolError, whose code is the status, when it is 400 or more. */
  json<T>(method: string, path: string, call?: Call): Promise<T>
  /** The engine's own clock as of its last answer, milliseconds since 1970; its resolution is a second. */
  now(): number
  close(): void
}

/** The newest version of the API that this code has been written against; an older engine's own is used instead. */
const newestApi = '1.47'
const oldestApi = '1.40'
const idleMs = 30_000
/**
 * Milliseconds between the tries of a call whose connection was closed before any answer: by an engine that starts
 * again, by whatever stands between, or just as a connection that was kept came to be used again. Reads are always tried
 * again; changes only in that last case, in which the other side had ended the connection before it was asked.
 */
const droppedPauses = [50, 250]

/**
 * Opens an engine and agrees with it on a version.
 * @throws ToolError when there is no answer, or the engine is too old
 */
export async function openEngine(address: EngineAddress, adapters: Adapters): Promise<Engine> {
  const connection = connectEngine(address, adapters)
  const { signal } = adapters
  let version = ''
  let clock = { engine: 0, here: 0 }

  const attempt = (method: string, path: string, options: Call): Promise<Answer> =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const { payload, headers } = content(options)
      const request = connection.request({
        method,
        path: version + path + queryOf(options.query),
        headers: { ...headers, ...options.headers },
      })
      let begun = false
      const fail = (error: unknown) => {
        stop()
        if (signal.aborted) reject(signal.reason as Error)
        else if (!begun && wasDropped(error) && (method === 'GET' || request.reusedSocket))
          reject(new Dropped(error))
        else reject(unanswered(connection.place, method, path, error))
      }
      const idle = setTimeout(() => request.destroy(new Error('no answer in time')), options.idleMs ?? idleMs)
      const onAbort = () => request.destroy()
      signal.addEventListener('abort', onAbort)
      const stop = () => {
        clearTimeout(idle)
        signal.removeEventListener('abort', onAbort)
      }
      request.on('error', fail)
      request.on('response', response => {
        const date = Date.parse(response.headers.date ?? '')
        if (!Number.isNaN(date)) clock = { engine: date, here: performance.now() }
        begun = true
        idle.refresh()
        collect(response, `${method} ${path}`, options.onData, () => idle.refresh()).then(body => {
          stop()
          resolve({ status: response.statusCode ?? 0, body })
        }, fail)
      })
      request.end(payload)
    })

  const call = async (method: string, path: string, options: Call = {}): Promise<Answer> => {
    for (const pause of [...droppedPauses, undefined]) {
      try {
        return await attempt(method, path, options)
      } catch (error) {
        if (!(error instanceof Dropped)) throw error
        if (pause === undefined) throw unanswered(connection.place, method, path, error.cause)
        await adapters.clock.sleep(pause, signal)
      }
    }
    throw new Error('the last try either answers or throws')
  }

  const engine: Engine = {
    place: connection.place,
    host: connection.host,
    local: connection.local,
    call,
    async json<T>(method: string, path: string, options?: Call): Promise<T> {
      const { status, body } = await call(method, path, options)
      if (status >= 400) throw refusal(method, path, status, body)
      return (body.length > 0 ? JSON.parse(body.toString('utf8')) : undefined) as T
    },
    now: () => clock.engine + (performance.now() - clock.here),
    close: () => connection.close(),
  }
  const ApiVersion = await versionOf(engine).catch((error: unknown) => {
    connection.close()
    throw error
  })
  if (isOlder(ApiVersion, oldestApi)) {
    connection.close()
    throw new ToolError(
      `${connection.place} speaks API ${ApiVersion}, ${oldestApi} is the oldest that will do`,
      {
        tool: 'Docker engine',
        hint: 'Update Docker on that host to 19.03 or newer.',
      },
    )
  }
  version = `/v${isOlder(ApiVersion, newestApi) ? ApiVersion : newestApi}`
  return engine
}

async function versionOf(engine: Engine): Promise<string> {
  const { status, body } = await engine.call('GET', '/version')
  const text = body.toString('utf8')
  const version = status === 200 ? /"ApiVersion"\s*:\s*"([\d.]+)"/.exec(text)?.[1] : undefined
  if (version === undefined) throw notAnEngine(engine.place, status, text.trim())
  return version
}

/** The message of an answer, which may be one of several documents; undefined when there is none that is JSON. */
function messageIn(text: string): string | undefined {
  const message = /"message"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(text)?.[1] ?? ''
  try {
    return JSON.parse(message) as string
  } catch {
    return undefined
  }
}

/** The error for an answer that says no. */
export function refusal(method: string, path: string, status: number, body: Buffer): ToolError {
  const text = body.toString('utf8')
  const said = messageIn(text) ?? cutEnd(text, 300)
  return new ToolError(`Docker refused ${method} ${path.replace(/[0-9a-f]{52}(?=\/|$)/, '')}: ${said}`, {
    tool: 'Docker engine',
    code: status,
    hint:
      status >= 500
        ? "Look at the engine's log: journalctl -u docker."
        : 'Fix what the engine reports, and try again.',
  })
}

/** The connection was closed before the other side said anything. */
class Dropped extends Error {
  constructor(cause: unknown) {
    super('dropped', { cause })
  }
}

function wasDropped(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes(codeOf(error))
}

function content({ body, archive }: Call): { payload?: Buffer; headers: Record<string, string> } {
  if (archive) return { payload: archive, headers: sized(archive, 'application/x-tar') }
  if (body === undefined) return { headers: { 'content-length': '0' } }
  const payload = Buffer.from(JSON.stringify(body))
  return { payload, headers: sized(payload, 'application/json') }
}

function sized(payload: Buffer, type: string): Record<string, string> {
  return { 'content-type': type, 'content-length': String(payload.length) }
}

/** Lists of containers and logs have some MB. */
const mostAnswerBytes = 64 * 2 ** 20

/** @throws ToolError (`too-large`) */
async function collect(
  response: IncomingMessage,
  call: string,
  onData: Call['onData'],
  alive: () => void,
): Promise<Buffer> {
  const limit = {
    what: `the Docker engine's answer to ${call}`,
    mostBytes: mostAnswerBytes,
    hint: 'Ask for fewer lines where it is a log; else find out what is that large: a file in a container, say.',
  }
  const streamed = onData && (response.statusCode ?? 0) < 400
  return collectWithin(kept(), limit)

  async function* kept(): AsyncGenerator<Buffer> {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      alive()
      if (streamed) onData(chunk)
      else yield chunk
    }
  }
}

function queryOf(query: Call['query'] = {}): string {
  const pairs = Object.entries(query).map(([key, value]): [string, string] => [
    key,
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  ])
  return pairs.length > 0 ? `?${new URLSearchParams(pairs).toString()}` : ''
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [thanMajor = 0, thanMinor = 0] = than.split('.').map(Number)
  return major < thanMajor || (major === thanMajor && minor < thanMinor)
}
