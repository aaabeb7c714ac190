import type { ManifestDocument } from './documents.ts'
import { groupOf } from './objects.ts'

/** An object of a manifest file, not yet checked. */
export interface Unfolded {
  value: unknown
  where: ManifestDocument['where']
}

/** A kind of one API version. */
export interface KindOf {
  apiVersion: string
  kind: string
}

interface ListLike extends KindOf {
  items: unknown[]
}

/** Kinds among documents that look like lists, and may be objects all the same: a custom AccessControlList with `items`. */
export function listLikeKinds(documents: ManifestDocument[]): KindOf[] {
  const kinds = new Map<string, KindOf>()
  const look = (value: unknown): void => {
    const list = listLike(value)
    if (!list) return
    const { apiVersion, kind, items } = list
    if (kind !== 'List') kinds.set(nameOf(list), { apiVersion, kind })
    items.forEach(look)
  }
  for (const { value } of documents) look(value)
  return [...kinds.values()]
}

/**
 * The objects of documents: each for itself, and the items of lists (`kind: List`, ConfigMapList, RoleList and any other).
 * @param objects kinds that are no lists although they look like it, since the cluster has objects of them
 */
export function unfold(documents: ManifestDocument[], objects: KindOf[]): Unfolded[] {
  const defined = definedKinds(documents.map(({ value }) => value))
  const own = new Set(objects.map(nameOf))
  const isObject = (list: ListLike) =>
    own.has(nameOf(list)) || defined.has(`${groupOf(list.apiVersion)}/${list.kind}`)
  const open = (value: unknown, path: (string | number)[], document: ManifestDocument): Unfolded[] => {
    const list = listLike(value)
    if (!list || isObject(list)) return [{ value, where: keys => document.where([...path, ...keys]) }]
    return list.items.flatMap((item, index) =>
      open(withKind(item, list), [...path, 'items', index], document),
    )
  }
  return documents
    .filter(({ value }) => value !== null && value !== undefined)
    .flatMap(document => open(document.value, [], document))
}

/** As the API has it: the kind ends in List, and all that it holds is `items`, which may be null. */
function listLike(value: unknown): ListLike | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { apiVersion, kind, items, ...rest } = value as Record<string, unknown>
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !kind.endsWith('List')) return undefined
  const more = Object.keys(rest).filter(key => key !== 'metadata')
  if (!('items' in value) || more.length > 0) return undefined
  if (!Array.isArray(items) && items !== null) return undefined
  return { apiVersion, kind, items: items ?? [] }
}

/** The API server gives the items of a typed list without their kind. */
function withKind(item: unknown, { apiVersion, kind }: KindOf): unknown {
  if (kind === 'List' || typeof item !== 'object' || item === null || Array.isArray(item)) return item
  return { apiVersion, kind: kind.slice(0, -'List'.length), ...item }
}

/** `group/Kind` of what CustomResourceDefinitions among the documents define. */
function definedKinds(values: unknown[]): Set<string> {
  return new Set(
    values.flatMap((value): string[] => {
      const list = listLike(value)
      if (list) return [...definedKinds(list.items)]
      const { kind, spec } = (value ?? {}) as { kind?: unknown; spec?: Record<string, unknown> }
      if (kind !== 'CustomResourceDefinition') return []
      const group = spec?.['group']
      const { kind: defined } = (spec?.['names'] ?? {}) as { kind?: unknown }
      return typeof group === 'string' && typeof defined === 'string' ? [`${group}/${defined}`] : []
    }),
  )
}

function nameOf({ apiVersion, kind }: KindOf): string {
  return `${apiVersion} ${kind}`
}
