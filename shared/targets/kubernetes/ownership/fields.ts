import { toJson } from '../api/json.ts'
import { cutEnd } from '../../../outcome/cut.ts'
import { hideInline } from '../../../config/inline-secrets.ts'
import { contentOf } from '../inspect/diff.ts'
import { secretsIn } from './hidden.ts'
import type { FieldSet, KubeObject } from '../manifests/objects.ts'
import { keyed, knownFields, matchingKey, union } from './ownership.ts'

/** One field whose value differs; undefined where it is not set. */
export interface ChangedField {
  /** `spec.template.spec.containers[app].image`, `spec.ports[port=53,protocol=UDP].nodePort` */
  field: string
  /** The same path as field sets have it: `f:spec`, ..., `k:{"name":"app"}`, `f:image`. */
  keys: string[]
  from: string | undefined
  to: string | undefined
}

const shownCharacters = 80
/** Stands for a value that must not be shown. */
const hidden = '(hidden)'

/**
 * The fields in which an object differs from what it was, or would be, one by one; secrets are left out. Items of lists
 * are matched by the keys that the API server names in `managedFields`, else by their name, else by their place.
 */
export function changedFields(before: KubeObject, after: KubeObject): ChangedField[] {
  const known = union(knownFields(before), knownFields(after))
  const [old, now] = [leavesOf(before, known), leavesOf(after, known)]
  const secrets = [before, after].map(object => secretsIn(object.kind, contentOf(object)))
  const isSecret = (path: string[]) => secrets.some(each => each(path))
  return [...new Set([...old.keys(), ...now.keys()])].flatMap(field => {
    const [from, to] = [old.get(field), now.get(field)]
    if (from?.text === to?.text) return []
    const shown = (value: Leaf | undefined) =>
      value && (isSecret(value.path) ? hidden : short(hideInline(value.text, () => hidden)))
    return [{ field, keys: (from ?? to)?.keys ?? [], from: shown(from), to: shown(to) }]
  })
}

/** The paths of all single values of an object, as `ChangedField` has them. @param like another object with its owners */
export function fieldNames(object: KubeObject, like: KubeObject): Set<string> {
  return new Set(leavesOf(object, knownFields(like)).keys())
}

interface Leaf {
  text: string
  path: string[]
  keys: string[]
}

interface Node {
  path: string[]
  keys: string[]
  name: string
  known: FieldSet
}

function leavesOf(object: KubeObject, known: FieldSet): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>()
  flatten(contentOf(object), { path: [], keys: [], name: '', known }, leaves)
  return leaves
}

function flatten(value: unknown, { path, keys, name, known }: Node, into: Map<string, Leaf>): void {
  const below = (step: string, key: string, shown: string): Node => ({
    path: [...path, step],
    keys: [...keys, key],
    name: shown,
    known: known[key] ?? {},
  })
  if (Array.isArray(value)) {
    const listKeys = Object.keys(known).filter(key => key.startsWith('k:'))
    for (const [index, item] of value.entries()) {
      const { key, own } = identityOf(item, index, listKeys)
      flatten(item, below(own, key, `${name}[${own}]`), into)
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value))
      flatten(each, below(key, `f:${key}`, name ? `${name}.${key}` : key), into)
  } else if (value !== undefined) {
    into.set(name, { text: typeof value === 'string' ? value : toJson(value), path, keys })
  }
}

/** What tells an item of a list from the others. @param listKeys those of the list's items that the API server knows */
function identityOf(item: unknown, index: number, listKeys: string[]): { key: string; own: string } {
  const listKey = matchingKey(item, listKeys)
  if (listKey !== undefined) return { key: listKey, own: keyed(listKey.slice(2)).replace(/^name=/, '') }
  const name = (item as { name?: unknown } | null)?.name
  return typeof name === 'string'
    ? { key: `k:${JSON.stringify({ name })}`, own: name }
    : { key: `i:${index}`, own: String(index) }
}

function short(text: string): string {
  return cutEnd(text.replaceAll('\n', '\\n'), shownCharacters)
}
