import { showJson } from '../host/json.ts'
import type { RequestSpec } from './schema.ts'

/** `${name}` is a captured value, `${env:NAME}` an environment variable. */
const reference = /\$\{(env:)?([A-Za-z_][A-Za-z0-9_-]*)\}/g

export type Referring = Pick<RequestSpec, 'path' | 'headers' | 'body'>

/** Values by the text inside of `${...}`. */
export type Values = Record<string, unknown>

/** Names of the captured values that a request uses. */
export function captureReferences(request: Referring): string[] {
  return referencesOf(request).filter(name => !name.startsWith('env:'))
}

/** Names of the environment variables that a request uses. */
export function environmentReferences(request: Referring): string[] {
  return referencesOf(request)
    .filter(name => name.startsWith('env:'))
    .map(name => name.slice('env:'.length))
}

/**
 * Puts the values in. In a path they are escaped: a value never becomes another path or a query. A text of JSON that
 * is one reference and nothing else takes the value's own type.
 */
export function resolveReferences<T extends Referring>(request: T, values: Values): T {
  const { path, headers, body } = request
  return {
    ...request,
    path: replace(path, name => encodeURIComponent(textOf(values[name]))),
    ...(headers ? { headers: deep(headers, values) } : {}),
    ...(body === undefined
      ? {}
      : { body: typeof body === 'string' ? text(body, values) : deep(body, values) }),
  }
}

function referencesOf({ path, headers, body }: Referring): string[] {
  const said = JSON.stringify([path, headers ?? {}, body ?? ''])
  return [...said.matchAll(reference)].map(([, prefix = '', name = '']) => prefix + name)
}

function deep<T>(value: T, values: Values): T {
  return JSON.parse(JSON.stringify(value), (_key, each: unknown) => {
    if (typeof each !== 'string') return each
    const [only] = [...each.matchAll(reference)]
    if (only?.[0] === each) return values[each.slice(2, -1)]
    return text(each, values)
  }) as T
}

function text(template: string, values: Values): string {
  return replace(template, name => textOf(values[name]))
}

function replace(template: string, valueOf: (name: string) => string): string {
  return template.replaceAll(reference, (_all, prefix: string | undefined, name: string) =>
    valueOf((prefix ?? '') + name),
  )
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : showJson(value)
}
