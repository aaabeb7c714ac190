import { showJson } from '../host/json.ts'
import { authorization } from './authorization.ts'
import { captureReferences, resolveReferences, type Values } from './references.ts'
import type { RequestSpec } from './schema.ts'
import type { Asked } from './suite.ts'

/** What can be sent as it is. */
export interface Prepared {
  path: string
  headers: Record<string, string>
  body: string | undefined
}

/**
 * Puts what is known into a request.
 * @returns why it cannot be sent, one line each, when something that it needs is missing or does not fit
 */
export function prepare(
  asked: Asked & { body?: RequestSpec['body'] },
  known: Values,
): Prepared | { obstacles: string[] } {
  const missing = captureReferences(asked).filter(name => !Object.hasOwn(known, name))
  if (missing.length > 0)
    return { obstacles: missing.map(name => `needs ${name}, which no request before it gave`) }
  const { path, headers, auth, body } = resolveReferences(asked, known)
  // A value that is a dot or two would make another path of it.
  if (path !== asked.path && /\/\.{1,2}(?=[/?]|$)/.test(path))
    return { obstacles: [`its path would be ${path} with what was captured for it`] }
  const all = {
    ...(typeof body === 'object' ? { 'content-type': 'application/json' } : {}),
    ...lowerCase(headers),
    ...(auth ? { authorization: authorization(auth, known) } : {}),
  }
  const unfit = Object.entries(all).filter(([, value]) => !fitsHeader(value))
  if (unfit.length > 0)
    return { obstacles: unfit.map(([name]) => `header ${name} cannot carry what was captured for it`) }
  return { path, headers: all, body: typeof body === 'object' ? showJson(body) : body }
}

/** A header carries one line of Latin-1. */
export function fitsHeader(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
}

function lowerCase(headers: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  )
}
