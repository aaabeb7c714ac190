import { Agent as PlainAgent, request as plainRequest, type IncomingMessage } from 'node:http'
import { Agent, request as secureRequest } from 'node:https'
import { collectWithin } from '../../../host/within-limit.ts'
import type { Connection } from './kubeconfig.ts'

/** One request to the API server. */
export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With its query. */
  path: string
  body?: string
  contentType?: string
  signal: AbortSignal
}

export interface ApiAnswer {
  status: number
  /** Seconds, from the Retry-After header; 0 when it is not there. */
  retryAfter: number
  /** By the server's clock, milliseconds since 1970; undefined when the answer does not say. */
  date: number | undefined
  body: string
}

/** Bytes to and from the API server, over connections that are kept. */
export interface Transport {
  send(request: ApiRequest): Promise<ApiAnswer>
  /** The answer's body as it comes in: for watches. */
  open(request: ApiRequest): Promise<IncomingMessage>
  close(): void
}

/**
 * An answer that is not there after this does not come any more: the API server itself gives up on a write after 60 s. A
 * read is asked again sooner, over another connection: the one that it took may be half open.
 */
const answerTimeoutMs = { read: 20_000, write: 65_000 }
/** Connections that are open at the same time. */
const connections = 16

export function createTransport(connection: Connection): Transport {
  const { server } = connection
  const secure = server.protocol === 'https:'
  const prefix = server.pathname.replace(/\/$/, '')
  const options = { ...connection.agent, keepAlive: true, maxSockets: connections }
  const agent = secure ? new Agent(options) : new PlainAgent(options)
  // A watch keeps its connection for itself: it must not take one away from the requests.
  const watching = secure
    ? new Agent({ ...options, keepAlive: false, maxSockets: Infinity })
    : new PlainAgent({ keepAlive: false })
  let headers: Promise<Record<string, string>> | undefined

  const start = async (request: ApiRequest, through: Agent | PlainAgent): Promise<IncomingMessage> => {
    headers ??= connection.authorize()
    const authorization = await headers
    return new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = (secure ? secureRequest : plainRequest)({
        protocol: server.protocol,
        hostname: server.hostname.replace(/^\[|\]$/g, ''),
        port: server.port || (secure ? 443 : 80),
        path: prefix + request.path,
        method: request.method,
        agent: through,
        signal: request.signal,
        headers: {
          accept: 'application/json',
          'user-agent': 'runbook-actions',
          ...authorization,
          ...(request.body === undefined
            ? {}
            : { 'content-type': request.contentType, 'content-length': Buffer.byteLength(request.body) }),
        },
      })
      outgoing.on('response', resolve)
      outgoing.on('error', reject)
      const patience = answerTimeoutMs[request.method === 'GET' ? 'read' : 'write']
      outgoing.setTimeout(patience, () => {
        // What made this one fall silent has most likely cut the idle ones too.
        for (const idle of Object.values(through.freeSockets).flat()) idle?.destroy()
        outgoing.destroy(new Error(`no answer in ${patience / 1_000} s`))
      })
      outgoing.end(request.body)
    })
  }

  const authorized = async (request: ApiRequest, through: Agent | PlainAgent): Promise<IncomingMessage> => {
    const answer = await start(request, through)
    if (answer.statusCode !== 401) return answer
    answer.resume()
    headers = undefined
    return start(request, through)
  }

  return {
    async send(request) {
      const answer = await authorized(request, agent)
      const date = Date.parse(answer.headers.date ?? '')
      return {
        date: Number.isNaN(date) ? undefined : date,
        status: answer.statusCode ?? 0,
        retryAfter: Number(answer.headers['retry-after']) || 0,
        body: await textOf(answer),
      }
    },
    open: request => authorized(request, watching),
    close() {
      agent.destroy()
      watching.destroy()
    },
  }
}

/** A page of 500 objects has some MB; an object has at most 1.5 MiB (etcd's limit for a request). */
const mostBytes = 256 * 2 ** 20

/**
 * Reads an answer to its end; fails when the connection breaks before that.
 * @throws ToolError (`too-large`)
 */
export async function textOf(answer: IncomingMessage): Promise<string> {
  const hint =
    'Ask for less: fewer lines of a log; or find out which objects of the namespace are that large.'
  const limit = { what: 'an answer of the API server', mostBytes, hint }
  return (await collectWithin(answer as AsyncIterable<Buffer>, limit)).toString('utf8')
}
