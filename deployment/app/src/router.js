import { HttpError } from './errors.js'

/**
 * @typedef {object} Request what a route needs to know of a request
 * @property {Record<string, string>} params of the path
 * @property {URLSearchParams} query
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {() => Promise<unknown>} json reads the body
 */
/** @typedef {{status: number, json?: unknown, text?: {type: string, content: string}, headers?: Record<string, string>}} Response */
/** @typedef {(request: Request) => Promise<Response> | Response} Handler */
/** @typedef {{method: string, path: string, handle: Handler}} Route path like `/users/:id` */

/**
 * @param {Route[]} routes
 * @param {string} method
 * @param {string} path
 * @returns {{route: Route, params: Record<string, string>}}
 * @throws {HttpError} 404, or 405 with the methods that the path has
 */
export function findRoute(routes, method, path) {
  const matching = routes.flatMap(route => {
    const params = matchPath(route.path, path)
    return params ? [{ route, params }] : []
  })
  if (matching.length === 0) throw new HttpError(404, 'not-found', 'There is nothing at this path.')
  const wanted = method === 'HEAD' ? 'GET' : method // Node leaves out the body of an answer to HEAD
  const found = matching.find(({ route }) => route.method === wanted)
  if (found) return found
  const allow = matching.map(({ route }) => route.method).join(', ')
  throw new HttpError(405, 'method-not-allowed', `This path takes ${allow}.`, { headers: { allow } })
}

/**
 * @param {string} pattern
 * @param {string} path
 * @returns {Record<string, string> | undefined}
 */
function matchPath(pattern, path) {
  const names = pattern.split('/')
  const parts = path.split('/')
  if (names.length !== parts.length) return undefined
  /** @type {Record<string, string>} */
  const params = {}
  for (const [index, name] of names.entries()) {
    const part = parts[index] ?? ''
    if (name.startsWith(':') && part !== '') params[name.slice(1)] = part
    else if (name !== part) return undefined
  }
  return params
}
