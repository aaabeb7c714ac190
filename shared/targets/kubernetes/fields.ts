import { cutEnd } from '../../outcome/cut.ts'
import { hideInline } from '../../runbook/inline-secrets.ts'
import { contentOf } from './diff.ts'
import { secretsIn } from './hidden.ts'
import type { KubeObject } from './objects.ts'

/** One field whose value differs; undefined where it is not set. */
export interface ChangedField {
  /** `spec.template.spec.containers[api].image` */
  field: string
  from: string | undefined
  to: string | undefined
}

const shownCharacters = 80
/** Stands for a value that must not be shown. */
const hidden = '(hidden)'

/** The fields in which an object differs from what it was, or would be, one by one; secrets are left out. */
export function changedFields(before: KubeObject, after: KubeObject): ChangedField[] {
  const [old, now] = [flatten(contentOf(before)), flatten(contentOf(after))]
  const secrets = [before, after].map(object => secretsIn(object.kind, contentOf(object)))
  const isSecret = (path: string[]) => secrets.some(each => each(path))
  return [...new Set([...old.keys(), ...now.keys()])].flatMap(field => {
    const [from, to] = [old.get(field), now.get(field)]
    if (from?.text === to?.text) return []
    const shown = (value: Leaf | undefined) =>
      value && (isSecret(value.path) ? hidden : short(hideInline(value.text, () => hidden)))
    return [{ field, from: shown(from), to: shown(to) }]
  })
}

interface Leaf {
  text: string
  path: string[]
}

function flatten(value: unknown, path: string[] = [], name = '', into = new Map<string, Leaf>()) {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const key = (item as { name?: unknown } | null)?.name
      const own = typeof key === 'string' ? key : String(index)
      flatten(item, [...path, own], `${name}[${own}]`, into)
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value))
      flatten(each, [...path, key], name ? `${name}.${key}` : key, into)
  } else if (value !== undefined) {
    into.set(name, { text: typeof value === 'string' ? value : JSON.stringify(value), path })
  }
  return into
}

function short(text: string): string {
  return cutEnd(text.replaceAll('\n', '\\n'), shownCharacters)
}
