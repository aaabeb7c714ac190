import type { Change } from '../target.ts'
import { describe, type KubeObject } from './objects.ts'

/** Lines of a diff that are shown; the rest is counted. */
const shownLines = 20
const shownCharacters = 80

/** One object before and after, as people read it: one line a field, values of Secrets left out. */
export function changeOf(
  object: KubeObject,
  before: KubeObject | undefined,
  after: KubeObject | undefined,
): Change {
  const name = describe(object)
  if (!before) return { object: name, action: after ? 'create' : 'none' }
  if (!after) return { object: name, action: 'delete' }
  const lines = diffLines(before, after)
  if (lines.length === 0) return { object: name, action: 'none' }
  const more = lines.length - shownLines
  const shown = lines.slice(0, shownLines)
  if (more > 0) shown.push(`... and ${more} more`)
  return { object: name, action: 'update', diff: shown.join('\n') }
}

function diffLines(before: KubeObject, after: KubeObject): string[] {
  const secret = after.kind === 'Secret'
  const [old, now] = [flatten(contentOf(before)), flatten(contentOf(after))]
  const lines: string[] = []
  for (const path of [...new Set([...old.keys(), ...now.keys()])]) {
    const [from, to] = [old.get(path), now.get(path)]
    if (from === to) continue
    const masked = secret && path.startsWith('data')
    lines.push(
      masked
        ? `${path}: ${from === undefined ? 'added' : to === undefined ? 'removed' : 'changed'}`
        : `${path}: ${short(from)} -> ${short(to)}`,
    )
  }
  return lines
}

function short(value: string | undefined): string {
  if (value === undefined) return '(none)'
  return value.length > shownCharacters ? `${value.slice(0, shownCharacters - 3)}...` : value
}

/** What people write into an object; not what the cluster, or this suite for its own ends, adds. */
function contentOf({ metadata, status: _status, ...rest }: KubeObject): Record<string, unknown> {
  const own = (entries: Record<string, string> | undefined) =>
    Object.fromEntries(
      Object.entries(entries ?? {}).filter(
        ([key]) =>
          !key.startsWith('runbook/') &&
          key !== 'kubectl.kubernetes.io/last-applied-configuration' &&
          key !== 'deployment.kubernetes.io/revision',
      ),
    )
  return { labels: own(metadata.labels), annotations: own(metadata.annotations), ...rest }
}

function flatten(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const name: unknown = (item as { name?: unknown } | null)?.name
      flatten(item, `${path}[${typeof name === 'string' ? name : String(index)}]`, into)
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) flatten(each, path ? `${path}.${key}` : key, into)
  } else if (value !== undefined) {
    const text = (typeof value === 'string' ? value : JSON.stringify(value)).replaceAll('\n', '\\n')
    into.set(path, text)
  }
  return into
}
