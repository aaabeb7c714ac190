import { parseJson, toJson } from './json.ts'
import { isExpected } from '../../../outcome/errors.ts'
import type { Clock } from '../../../host/clock.ts'
import { tooLarge } from '../../../host/within-limit.ts'
import { ApiError, noAnswer, refusal } from './api-error.ts'
import type { Connection } from './kubeconfig.ts'
import type { KubeObject } from '../manifests/objects.ts'
import { createTransport, textOf, type ApiAnswer, type ApiRequest } from './transport.ts'

/** The Kubernetes API in raw JSON: no field is dropped on the way. */
export interface Client {
  /** `https://10.0.0.1:6443` */
  readonly server: string
  /** The object, or undefined when it is not there. */
  get(path: string): Promise<KubeObject | undefined>
  /** Every object of a collection, and the version from which a watch goes on. */
  list(path: string, query?: Query): Promise<Page>
  /** The same page by page, for collections that are too large to be held whole. */
  pages(path: string, query: Query): AsyncGenerator<Page>
  /** Plain text, undefined when there is none: logs. */
  text(path: string, query: Query): Promise<string | undefined>
  create(path: string, object: object, query?: Query): Promise<KubeObject>
  replace(path: string, object: object): Promise<KubeObject>
  patch(path: string, type: PatchType, patch: object, query?: Query): Promise<KubeObject>
  /** One that is gone already is as good. */
  remove(path: string, options: object): Promise<void>
  /**
   * The changes of a collection since a version, until the server ends the stream, it breaks, or nothing at all is heard
   * for a while: then the caller lists again.
   */
  watch(path: string, query: Query, signal: AbortSignal): AsyncGenerator<WatchEvent>
  /**
   * The API server's own clock as of its last answer, milliseconds since 1970; its resolution is a second. What two
   * machines compare is by this clock, whatever their own ones say.
   */
  now(): number
  close(): void
}

export type Query = Record<string, string>
export type PatchType = 'apply' | 'merge' | 'json'

export interface Page {
  items: KubeObject[]
  resourceVersion: string
}

export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  object: KubeObject
}

/** One event of a watch; an object has at most 1.5 MiB (etcd's limit for a request). */
const longestEvent = 16 * 2 ** 20

/** A watch is too old to go on with: list again. */
export class GoneError extends Error {}

const contentTypes: Record<PatchType, string> = {
  apply: 'application/apply-patch+yaml',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
}
const pageSize = '500'
/** Pauses between the attempts of a read, milliseconds; an answer's Retry-After is kept instead when it is longer. */
const pauses = [100, 200, 400, 800, 1_600, 3_000]
/** Further pauses for a server that has answered before: it restarts, or is overloaded, and comes back. */
const morePauses = [5_000, 5_000, 5_000]
/**
 * A watch that says nothing for so long may be half open (kubernetes-client/javascript#596). To ask again from the same
 * version costs one request.
 */
const silenceMs = 15_000

export function createClient(connection: Connection, clock: Clock, signal: AbortSignal): Client {
  const transport = createTransport(connection)
  const server = connection.server.origin

  const attempt = async (request: Omit<ApiRequest, 'signal'>): Promise<ApiAnswer> => {
    try {
      return await transport.send({ ...request, signal })
    } catch (cause) {
      signal.throwIfAborted()
      // Nothing was asked: there are no credentials to ask with.
      if (isExpected(cause)) throw cause
      throw noAnswer(nameOf(request), server, cause)
    }
  }
  let answered = false
  let serverTime: { server: number; here: number } | undefined
  /** Reads and trials are tried again after any passing trouble; writes only when the server said that it did nothing. */
  const persist = async (request: Omit<ApiRequest, 'signal'>): Promise<ApiAnswer> => {
    const harmless = request.method === 'GET' || request.path.includes('dryRun=All')
    for (let tries = 0; ; tries++) {
      const pause = pauses[tries] ?? (answered ? morePauses[tries - pauses.length] : undefined)
      let wait = pause
      try {
        const answer = await attempt(request)
        answered = true
        if (answer.date !== undefined) serverTime = { server: answer.date, here: clock.elapsed() }
        const passing = answer.status === 429 || (answer.status >= 500 && harmless)
        if (!passing || pause === undefined) return answer
        wait = Math.max(pause, Math.min(answer.retryAfter, 10) * 1_000)
      } catch (error) {
        if (!harmless || !(error instanceof ApiError) || pause === undefined) throw error
      }
      await clock.sleep(wait ?? 0, signal)
    }
  }
  const call = async (request: Omit<ApiRequest, 'signal'>): Promise<KubeObject> => {
    const answer = await persist(request)
    if (answer.status >= 300) throw refusal(nameOf(request), answer.status, answer.body)
    return parseJson(answer.body) as KubeObject
  }
  const optional = async <T>(work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined
      throw error
    }
  }

  return {
    server,
    get: path => optional(call({ method: 'GET', path })),
    async list(path, query = {}) {
      // What a list was continued from may be compacted away between two pages (410): a list is begun again, and at last asked for without pages.
      const page = (await whole(path, query)) ?? (await whole(path, query))
      return page ?? pageOf(await call({ method: 'GET', path: withQuery(path, query) }))
    },
    pages,
    async text(path, query) {
      const answer = await persist({ method: 'GET', path: withQuery(path, query) })
      if (answer.status === 400 || answer.status === 404) return undefined
      if (answer.status >= 300) throw refusal(`GET ${path}`, answer.status, answer.body)
      return answer.body
    },
    create: (path, object, query = {}) =>
      call({
        method: 'POST',
        path: withQuery(path, query),
        body: toJson(object),
        contentType: 'application/json',
      }),
    replace: (path, object) =>
      call({ method: 'PUT', path, body: toJson(object), contentType: 'application/json' }),
    patch: (path, type, patch, query = {}) =>
      call({
        method: 'PATCH',
        path: withQuery(path, query),
        body: toJson(patch),
        contentType: contentTypes[type],
      }),
    async remove(path, options) {
      const body = JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', ...options })
      await optional(call({ method: 'DELETE', path, body, contentType: 'application/json' }))
    },
    watch: (path, query, stop) => watch(path, query, AbortSignal.any([stop, signal])),
    // A proxy that strips the date leaves this machine's clock.
    now: () => (serverTime ? serverTime.server + (clock.elapsed() - serverTime.here) : clock.now()),
    close: () => transport.close(),
  }

  async function* pages(path: string, query: Query): AsyncGenerator<Page> {
    for (let next = ''; ;) {
      const answer = await call({
        method: 'GET',
        path: withQuery(path, { limit: pageSize, ...query, ...(next ? { continue: next } : {}) }),
      })
      yield pageOf(answer)
      next = (answer.metadata as { continue?: string }).continue ?? ''
      if (!next) return
    }
  }

  /** Undefined when the list ended before its last page. */
  async function whole(path: string, query: Query): Promise<Page | undefined> {
    const items: KubeObject[] = []
    let resourceVersion = ''
    try {
      for await (const page of pages(path, query)) {
        items.push(...page.items)
        resourceVersion = page.resourceVersion
      }
      return { items, resourceVersion }
    } catch (error) {
      if (error instanceof ApiError && error.status === 410) return undefined
      throw error
    }
  }

  async function* watch(path: string, query: Query, stop: AbortSignal): AsyncGenerator<WatchEvent> {
    const request: ApiRequest = {
      method: 'GET',
      path: withQuery(path, { ...query, watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: '290' }),
      signal: stop,
    }
    const stream = await transport.open(request)
    const status = stream.statusCode ?? 0
    if (status === 410) throw new GoneError()
    if (status >= 300) throw refusal(`WATCH ${path}`, status, await textOf(stream))
    stream.setTimeout(silenceMs, () => stream.destroy(new Error('the watch fell silent')))
    stream.setEncoding('utf8')
    let rest = ''
    for await (const chunk of stream) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > longestEvent)
        throw tooLarge({ what: `an event of the watch of ${path}`, mostBytes: longestEvent })
      for (const line of lines) {
        const event = JSON.parse(line) as WatchEvent | { type: 'ERROR'; object: { code?: number } }
        if (event.type !== 'ERROR') yield event
        else if (event.object.code === 410) throw new GoneError()
        else throw refusal(`WATCH ${path}`, event.object.code ?? 500, JSON.stringify(event.object))
      }
    }
  }
}

function pageOf(answer: KubeObject): Page {
  const { items, metadata } = answer as unknown as {
    items: KubeObject[] | null
    metadata: { resourceVersion: string }
  }
  return { items: items ?? [], resourceVersion: metadata.resourceVersion }
}

/** Adds a query to a path. */
export function withQuery(path: string, query: Query): string {
  const text = new URLSearchParams(query).toString()
  return text ? `${path}?${text}` : path
}

function nameOf({ method, path }: Pick<ApiRequest, 'method' | 'path'>): string {
  const [resource = path] = path.split('?')
  return `${method} ${resource.replace(/^\/apis?\/([^/]+\/)?v[^/]*\//, '').replace(/^namespaces\//, '')}`
}
