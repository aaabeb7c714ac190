import { namesSecret } from '../../../config/env-file/env-file.ts'
import { announcesSecret, hideInline } from '../../../config/inline-secrets.ts'

/** One value of an object that is no map and no list. List items go by their name, else by their place. */
export interface Leaf {
  path: string[]
  value: unknown
  /** What stands before it in its list. */
  previous: unknown
}

/** Every value of an object, in order. */
export function* leavesOf(value: unknown, path: string[] = [], previous?: unknown): Generator<Leaf> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      yield* leavesOf(item, [...path, nameOf(item, index)], index > 0 ? value[index - 1] : undefined)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) yield* leavesOf(each, [...path, key])
  } else yield { path, value, previous }
}

/**
 * Which values of an object are secrets as a whole. People write passwords into manifests, too: into variables and keys
 * of ConfigMaps that are called so, and behind the options of a command.
 */
export function secretsIn(kind: string, content: object): (path: string[]) => boolean {
  const found = new Set<string>()
  for (const leaf of leavesOf(content)) if (isSecret(kind, leaf)) found.add(leaf.path.join('\0'))
  return path => found.has(path.join('\0'))
}

function isSecret(kind: string, { path, previous }: Leaf): boolean {
  const [root = '', key = ''] = path
  if (kind === 'Secret' && path.length > 1 && /^(data|stringData)$/.test(root)) return true
  if (kind === 'ConfigMap' && path.length > 1 && /^(data|binaryData)$/.test(root)) return namesSecret(key)
  if (path.at(-3) === 'env' && path.at(-1) === 'value') return namesSecret(path.at(-2) ?? '')
  return (
    /^(command|args)$/.test(path.at(-2) ?? '') && typeof previous === 'string' && announcesSecret(previous)
  )
}

/**
 * A copy in which what is secret is replaced by a word, whole values and passwords within them.
 * @param word gets the place of the secret and the secret itself
 */
export function hide(
  value: unknown,
  isSecret: (path: string[]) => boolean,
  word: (place: string, secret: unknown) => string,
  path: string[] = [],
): unknown {
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => hide(item, isSecret, word, [...path, nameOf(item, index)]))
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, hide(each, isSecret, word, [...path, key])]),
    )
  }
  const place = path.join('\0')
  if (isSecret(path)) return word(place, value)
  return typeof value === 'string'
    ? hideInline(value, (secret, index) => word(`${place}\0${index}`, secret))
    : value
}

function nameOf(item: unknown, index: number): string {
  const name = (item as { name?: unknown } | null)?.name
  return typeof name === 'string' ? name : String(index)
}
