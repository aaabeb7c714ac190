import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'

import { readJson } from './body.js'
import { HttpError } from './errors.js'
import { findRoute } from './router.js'

/**
 * Longer than the idle time after which usual proxies drop a connection (60 s): the side that sends next must not be
 * the one that is surprised.
 */
const KEEP_ALIVE_MS = 65_000
/** A request that has not arrived whole by then is cut: it may hold up a shutdown. */
const REQUEST_MS = 30_000

/**
 * The HTTP side of the service: one log line, one measurement and one JSON answer for each request, whatever happens.
 * @param {object} ports
 * @param {import('./router.js').Route[]} ports.routes
 * @param {import('./log.js').Log} ports.log
 * @param {import('./traffic.js').Traffic} ports.traffic
 * @param {import('./faults.js').Faults} ports.faults
 * @param {import('./lifecycle.js').Lifecycle} ports.lifecycle
 */
export function createHttpServer({ routes, log, traffic, faults, lifecycle }) {
  const options = { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: REQUEST_MS }
  return createServer(options, (request, response) => {
    const began = performance.now()
    const requestId = acceptedId(request.headers['x-request-id']) ?? randomUUID()
    const method = request.method ?? 'GET'
    let route = 'unmatched'

    traffic.inFlight += 1
    response.once('close', () => {
      traffic.inFlight -= 1
      const durationMs = Math.round((performance.now() - began) * 10) / 10
      const status = response.writableFinished ? response.statusCode : 499 // nginx's code for a caller who left
      traffic.observe({ method, route, status, seconds: durationMs / 1000 })
      const probe = route === '/health' || route === '/ready'
      log[probe ? 'debug' : 'info']('request', { requestId, method, route, status, durationMs })
    })

    respond().catch(error => {
      // Nothing more can be said to the caller.
      log.error('answer failed', { requestId, error })
      response.destroy()
    })

    async function respond() {
      const answer = await handle().catch(error => failure(error, requestId, log))
      response.setHeader('x-request-id', requestId)
      // Clients that keep connections open learn that this one ends with this answer, and lose no request to it.
      if (lifecycle.draining) response.setHeader('connection', 'close')
      const { body, headers } = render(answer)
      response.writeHead(answer.status, { ...answer.headers, ...headers })
      response.end(body)
    }

    async function handle() {
      const [path = '/', query = ''] = (request.url ?? '/').split('?', 2)
      const found = findRoute(routes, method, path)
      route = found.route.path
      await faults.strike(route)
      return found.route.handle({
        params: found.params,
        query: new URLSearchParams(query),
        headers: request.headers,
        json: () => readJson(request),
      })
    }
  })
}

/**
 * @param {unknown} error
 * @param {string} requestId
 * @param {import('./log.js').Log} log
 * @returns {import('./router.js').Response}
 */
function failure(error, requestId, log) {
  const known = error instanceof HttpError ? error : undefined
  if (!known || known.cause !== undefined)
    log[known ? 'warn' : 'error']('request failed', { requestId, error })
  const { status, code, message, headers, details } =
    known ??
    new HttpError(500, 'internal-error', 'Something went wrong here. The log has it under this request id.')
  return { status, headers, json: { error: { code, message, ...(details ? { details } : {}), requestId } } }
}

/** @param {import('./router.js').Response} answer */
function render({ json, text }) {
  if (json === undefined && text === undefined) return { body: '', headers: {} }
  const body = text?.content ?? JSON.stringify(json) + '\n'
  const type = text?.type ?? 'application/json; charset=utf-8'
  return { body, headers: { 'content-type': type, 'content-length': Buffer.byteLength(body) } }
}

/** An id from upstream is kept when it is one, so that a request can be followed; anything odd is not let into the log. @param {string | string[] | undefined} id */
function acceptedId(id) {
  return typeof id === 'string' && /^[\w.-]{1,64}$/.test(id) ? id : undefined
}
