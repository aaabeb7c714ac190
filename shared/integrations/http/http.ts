import http, { type Agent, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { codeOf, faultOf, HttpFault } from './http-fault.ts'
import { readBody } from './http-body.ts'
import { stopwatch, type HttpTimings } from './http-timings.ts'

/** One request, bounded in time, bytes and hops. */
export interface HttpRequest {
  url: string
  /** Default: GET. */
  method?: string
  headers?: Record<string, string>
  body?: string
  /** Milliseconds for all of it: name, connection, redirects, the whole body. */
  timeoutMs: number
  /** Of the body, after decompression; the rest is not read. Default: 1 MiB. */
  maxBytes?: number
  /** Redirects that are followed. Default: none, the redirect is the answer. */
  hops?: number
  /**
   * Origins beside the request's own to which a redirect is followed, like `https://www.example.com`; `secure`: every https
   * origin, and from this machine also http of this machine. Default: none. A redirect to another origin is the answer.
   */
  origins?: readonly string[] | 'secure'
  signal?: AbortSignal
}

export interface HttpAnswer {
  /** Where the answer came from, after redirects. */
  url: string
  status: number
  /** By lower-case name; a header that came more than once is joined by `, `. */
  headers: Record<string, string>
  /** As UTF-8. */
  body: string
  /** The body was longer than `maxBytes`. */
  truncated: boolean
  /** The body as it was sent, without its content encoding: what a digest is compared with. */
  bytes: Buffer
  /** The origin that this answer redirects to and that may not be followed; undefined when it is no such redirect. */
  elsewhere?: string
  timings: HttpTimings
}

/** How an answer is named where its status alone is judged: `500`, or what it redirects to and why that was not followed. */
export function showStatus({ status, elsewhere }: HttpAnswer): string {
  if (elsewhere === undefined) return String(status)
  return `${status}, a redirect to ${elsewhere}, which redirects-to of the runbook does not name`
}

/** Makes HTTP requests. */
export interface Http {
  /** @throws HttpFault when there is no answer; the signal's reason when it is aborted */
  request(request: HttpRequest): Promise<HttpAnswer>
  /** Ends the connections that are kept. */
  close(): void
}

const defaultMaxBytes = 2 ** 20
/** Headers that say nothing of who asks: all that goes along when a redirect leaves the origin. */
const impersonal = new Set(['accept', 'accept-language', 'content-type', 'user-agent'])

/**
 * @param connections `fresh`: a new one for each request, so that each meets the load balancer anew, as a new client
 *   would; or how many are kept open and used again, as a busy client does.
 */
export function openHttp(connections: 'fresh' | { kept: number }): Http {
  const agents = new Map<string, Agent>()
  const transport = async (protocol: string): Promise<Transport> => {
    const module = protocol === 'https:' ? (await import('node:https')).default : http
    const agent = agents.get(protocol) ?? new module.Agent(agentOptions(connections))
    agents.set(protocol, agent)
    return options => module.request({ ...options, agent })
  }
  return {
    request: request => follow(request, transport),
    close: () => {
      for (const agent of agents.values()) agent.destroy()
    },
  }
}

type Transport = (options: RequestOptions) => ClientRequest

function agentOptions(connections: 'fresh' | { kept: number }): http.AgentOptions {
  if (connections === 'fresh') return { keepAlive: false }
  return { keepAlive: true, maxSockets: connections.kept, maxFreeSockets: connections.kept }
}

async function follow(
  request: HttpRequest,
  transport: (protocol: string) => Promise<Transport>,
): Promise<HttpAnswer> {
  const start = performance.now()
  const { hops = 0, origins = [], method: firstMethod = 'GET', headers: firstHeaders = {}, ...rest } = request
  const mayFollow = originFilter(new URL(request.url), origins)
  let hop: Hop = { ...rest, url: new URL(request.url), method: firstMethod, headers: firstHeaders }
  for (let left = hops; ; left -= 1) {
    const remaining = request.timeoutMs - (performance.now() - start)
    const answer = await exchange(hop, remaining, await transport(hop.url.protocol))
    const location = answer.headers['location']
    const isRedirect = location !== undefined && [301, 302, 303, 307, 308].includes(answer.status)
    const target = isRedirect ? URL.parse(location, hop.url.href) : undefined
    const elsewhere =
      target && isHttp(target) && !mayFollow(target) ? { elsewhere: target.origin } : undefined
    if (hops === 0 || !isRedirect || elsewhere) {
      answer.timings.total = performance.now() - start
      return { ...answer, ...elsewhere }
    }
    if (left === 0) throw new HttpFault('redirect', hop.method, hop.url, `more than ${hops} redirects`)
    hop = redirected(hop, answer.status, target)
  }
}

function isHttp({ protocol }: URL): boolean {
  return protocol === 'http:' || protocol === 'https:'
}

function originFilter(own: URL, origins: readonly string[] | 'secure'): (to: URL) => boolean {
  if (origins !== 'secure') return to => to.origin === own.origin || origins.includes(to.origin)
  return to =>
    to.origin === own.origin ||
    to.protocol === 'https:' ||
    (isLoopback(own.hostname) && isLoopback(to.hostname))
}

/** What is sent to it cannot be read on the way: https, or this machine. */
export function isSecure({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

/** @param hostname without a port, as URL has it: `[::1]` */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname)
}

interface Hop {
  url: URL
  method: string
  headers: Record<string, string>
  body?: string
  maxBytes?: number
  signal?: AbortSignal
}

/** The next hop as browsers do it, except that nothing that may be a credential leaves the origin. */
function redirected(hop: Hop, status: number, url: URL | null | undefined): Hop {
  if (!url || !isHttp(url))
    throw new HttpFault('redirect', hop.method, hop.url, 'redirected to something that is not HTTP')
  const sameOrigin = url.origin === hop.url.origin
  const headers = sameOrigin
    ? hop.headers
    : Object.fromEntries(Object.entries(hop.headers).filter(([name]) => impersonal.has(name.toLowerCase())))
  const keepsBody = status === 307 || status === 308
  const { body, ...withoutBody } = hop
  // A body may hold a password as well as a header can.
  if (keepsBody && sameOrigin) return { ...hop, url, headers }
  if (keepsBody && body !== undefined)
    throw new HttpFault('redirect', hop.method, hop.url, `a body would have to go to ${url.origin}`)
  const method = hop.method === 'HEAD' || keepsBody ? hop.method : 'GET'
  return { ...withoutBody, method, url, headers }
}

async function exchange(hop: Hop, timeoutMs: number, transport: Transport): Promise<HttpAnswer> {
  const start = performance.now()
  try {
    return await attempt(hop, timeoutMs, transport)
  } catch (error) {
    // The other side may end an idle kept connection just when it is used again: that is no fault, and the request was never processed.
    if (error instanceof StaleConnection)
      return attempt(hop, timeoutMs - (performance.now() - start), transport)
    throw error
  }
}

class StaleConnection extends Error {}

function attempt(hop: Hop, timeoutMs: number, transport: Transport): Promise<HttpAnswer> {
  const { url, method, signal, body } = hop
  signal?.throwIfAborted()
  return new Promise((resolve, reject) => {
    const start = performance.now()
    const phases = stopwatch(url.hostname.replace(/^\[(.*)\]$/, '$1'))
    const request = transport({
      ...urlOptions(url),
      method,
      headers: {
        'user-agent': 'runbook-actions',
        'accept-encoding': 'identity',
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        ...hop.headers,
      },
    })
    const late = () =>
      phases.isNaming()
        ? new HttpFault(
            'name',
            method,
            url,
            `no address for ${url.hostname} within ${Math.ceil(timeoutMs)} ms`,
          )
        : new HttpFault('timeout', method, url, `no whole answer within ${Math.ceil(timeoutMs)} ms`)
    const timer = setTimeout(() => request.destroy(late()), Math.max(1, timeoutMs))
    const onAbort = () => request.destroy()
    signal?.addEventListener('abort', onAbort)
    const settle = (act: () => void) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      act()
    }
    const fail = (error: unknown) => {
      const stale = request.reusedSocket && !phases.answered() && isIdempotent(method) && wasReset(error)
      settle(() => {
        if (signal?.aborted) reject(signal.reason as Error)
        else reject(stale ? new StaleConnection() : faultOf(error, method, url))
      })
    }
    request.on('error', fail)
    request.on('socket', socket => phases.watch(socket, request.reusedSocket))
    request.on('response', response => {
      phases.answer()
      readBody(response, hop.maxBytes ?? defaultMaxBytes).then(read => {
        // A busy process may read a late answer before it is told that the time is over.
        if (performance.now() - start > timeoutMs) fail(late())
        else settle(() => resolve({ url: url.href, ...head(response), ...read, timings: phases.read() }))
      }, fail)
    })
    request.end(body)
  })
}

function urlOptions({ protocol, hostname, port, pathname, search, username, password }: URL): RequestOptions {
  return {
    protocol,
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    path: pathname + search,
    ...(port === '' ? {} : { port }),
    ...(username === '' ? {} : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` }),
  }
}

function head({ statusCode = 0, headers }: IncomingMessage): Pick<HttpAnswer, 'status' | 'headers'> {
  const entries = Object.entries(headers).map(([name, value]): [string, string] => [
    name,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ])
  return { status: statusCode, headers: Object.fromEntries(entries) }
}

function isIdempotent(method: string): boolean {
  return ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'].includes(method)
}

function wasReset(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes(codeOf(error))
}
