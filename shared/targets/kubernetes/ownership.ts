import { fieldManager, podTemplate, type FieldSet, type KubeObject, type ManagedFields } from './objects.ts'

/** Tools with which people deploy: what they own when this suite first meets an object becomes this suite's. */
const deployers =
  /^(kubectl|helm|before-first-apply|terraform|pulumi|kustomize|argocd|flux|skaffold|kapp|lens|dashboard|node-fetch|kubernetes-client-javascript)/i

/** What of an object makes it serve as it does: only there are the traces of others removed (DESIGN section 4). */
function areasOf(object: KubeObject): string[][] {
  if (object.kind === 'ConfigMap' || object.kind === 'Secret') return [['f:data'], ['f:binaryData']]
  if (object.kind === 'Service') return [['f:spec']]
  if (!podTemplate(object)) return []
  if (object.kind === 'CronJob') return [['f:spec', 'f:jobTemplate']]
  return [
    ['f:spec', 'f:template'],
    ['f:spec', 'f:paused'],
  ]
}

/** The fields that others own in the parts of an object that make it serve as it does. */
export function foreignFields(object: KubeObject): FieldSet {
  const foreign = entriesOf(object).filter(entry => !isOurs(entry) && !entry.subresource)
  const owned = foreign.map(entry => entry.fieldsV1).reduce(union, {})
  return areasOf(object)
    .map(path => within(owned, path))
    .reduce(union, {})
}

/** True when this suite has never applied the object. */
export function isNew(object: KubeObject): boolean {
  return !entriesOf(object).some(isOurs)
}

/** What a first contact takes over: all that deployment tools own. */
export function fieldsOfDeployers(object: KubeObject): FieldSet {
  return entriesOf(object)
    .filter(
      entry => !entry.subresource && entry.apiVersion === object.apiVersion && deployers.test(entry.manager),
    )
    .map(entry => entry.fieldsV1)
    .reduce(union, {})
}

/** True when this suite owns the number of replicas. */
export function ownsReplicas(object: KubeObject): boolean {
  return entriesOf(object).some(
    entry => isOurs(entry) && entry.fieldsV1['f:spec']?.['f:replicas'] !== undefined,
  )
}

/**
 * Moves fields into this suite's hands without changing any value: the next apply then removes those that it does not
 * name, in the same write in which it sets the others, so that a workload rolls once.
 * @returns managedFields to be put onto the object, or undefined when there is nothing to move
 */
export function takeOver(object: KubeObject, fields: FieldSet): ManagedFields[] | undefined {
  const entries = entriesOf(object)
  const movable = (entry: ManagedFields) =>
    !isOurs(entry) && !entry.subresource && entry.apiVersion === object.apiVersion
  const moved = entries
    .filter(movable)
    .map(entry => intersection(entry.fieldsV1, fields))
    .reduce(union, {})
  if (isEmpty(moved)) return undefined
  const ours = entries.find(isOurs)
  const rest = entries
    .filter(entry => !isOurs(entry))
    .map(entry => (movable(entry) ? { ...entry, fieldsV1: difference(entry.fieldsV1, fields) } : entry))
    .filter(entry => !isEmpty(entry.fieldsV1))
  const own: ManagedFields = {
    manager: fieldManager,
    operation: 'Apply',
    apiVersion: object.apiVersion,
    fieldsType: 'FieldsV1',
    ...(ours?.time ? { time: ours.time } : {}),
    fieldsV1: union(ours?.fieldsV1 ?? {}, moved),
  }
  return [own, ...rest]
}

/** Whether another manager owns one of the fields, and keeps it at an apply that takes nothing by force. */
export function othersOwn(object: KubeObject, fields: FieldSet): boolean {
  const firstContact = isNew(object)
  return entriesOf(object)
    .filter(entry => !isOurs(entry) && !(firstContact && deployers.test(entry.manager)))
    .some(entry => !isEmpty(intersection(entry.fieldsV1, fields)))
}

/**
 * Makes this suite the owner of fields that have no owner, without changing any value: the next apply then removes those
 * that it does not name.
 * @param managedFields of an object
 * @param apiVersion of that object: the version in which the fields are named
 */
export function claim(managedFields: ManagedFields[], apiVersion: string, fields: FieldSet): ManagedFields[] {
  const ours = managedFields.find(isOurs)
  const own: ManagedFields = {
    manager: fieldManager,
    operation: 'Apply',
    apiVersion,
    fieldsType: 'FieldsV1',
    ...(ours?.time ? { time: ours.time } : {}),
    fieldsV1: union(ours?.fieldsV1 ?? {}, fields),
  }
  return [own, ...managedFields.filter(entry => entry !== ours)]
}

/** Lets go of the number of replicas without changing it: an apply that drops an owned field would reset it to 1. */
export function releaseReplicas(object: KubeObject): ManagedFields[] {
  return entriesOf(object).map(entry =>
    isOurs(entry)
      ? { ...entry, fieldsV1: difference(entry.fieldsV1, { 'f:spec': { 'f:replicas': {} } }) }
      : entry,
  )
}

/** The fields that a manifest sets, in the form in which server-side apply keeps them: lists by the name of their items. */
export function fieldsOf(value: unknown): FieldSet {
  if (Array.isArray(value)) {
    return value
      .map((item): FieldSet => {
        const name: unknown = (item as { name?: unknown } | null)?.name
        return typeof name === 'string' ? { [`k:${JSON.stringify({ name })}`]: fieldsOf(item) } : {}
      })
      .reduce(union, {})
  }
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [`f:${key}`, fieldsOf(each)]))
}

/** Fields to which somebody else has given another value than a manifest does: a forced apply takes them. */
export function takenFields(manifest: KubeObject, live: KubeObject): { path: string; manager: string }[] {
  return entriesOf(live)
    .filter(entry => !isOurs(entry) && !entry.subresource)
    .flatMap(({ manager, fieldsV1 }) =>
      pathsOf(differing(fieldsV1, manifest, live)).map(path => ({ path, manager })),
    )
}

/** Of a set of fields those that both values have, differently; only leaves that are no list or map count. */
function differing(fields: FieldSet, wanted: unknown, found: unknown): FieldSet {
  const different: FieldSet = {}
  for (const [key, inner] of Object.entries(fields)) {
    const [a, b] = [childOf(wanted, key), childOf(found, key)]
    if (a === undefined || b === undefined) continue
    const below = differing(inner, a, b)
    const leaf = typeof a !== 'object' || a === null
    if (!isEmpty(below)) different[key] = below
    else if (leaf && a !== b) different[key] = {}
  }
  return different
}

/** What `f:NAME` and `k:{...}` stand for in a value. */
export function childOf(value: unknown, key: string): unknown {
  if (key.startsWith('k:') && Array.isArray(value)) {
    const wanted = Object.entries(JSON.parse(key.slice(2)) as Record<string, unknown>)
    return (value as Record<string, unknown>[]).find(item =>
      wanted.every(([name, each]) => item[name] === each),
    )
  }
  const known = key.startsWith('f:') && typeof value === 'object' && value !== null && !Array.isArray(value)
  return known ? (value as Record<string, unknown>)[key.slice(2)] : undefined
}

/** Tools whose fields a first contact takes over. */
export function isDeployer(manager: string): boolean {
  return deployers.test(manager)
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  const merged: FieldSet = { ...a }
  for (const [key, value] of Object.entries(b)) {
    const there = merged[key]
    merged[key] = there ? union(there, value) : value
  }
  return merged
}

/** What is in both; a leaf of either takes all that lies under it in the other. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const both: FieldSet = {}
  for (const [key, value] of Object.entries(a)) {
    const other = b[key]
    if (!other) continue
    if (isEmpty(other) || isEmpty(value)) both[key] = value
    else {
      const met = intersection(value, other)
      if (!isEmpty(met)) both[key] = met
    }
  }
  return both
}

/** What is in `a` and not in `b`; a leaf of `b` takes all that lies under it away. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  const left: FieldSet = {}
  for (const [key, value] of Object.entries(a)) {
    const other = b[key]
    if (!other) left[key] = value
    else if (!isEmpty(other) && !isEmpty(value)) {
      const rest = difference(value, other)
      if (!isEmpty(rest)) left[key] = rest
    }
  }
  return left
}

export function isEmpty(fields: FieldSet): boolean {
  return Object.keys(fields).length === 0
}

/** `spec.template.spec.containers[name=app].env[name=X]`: the leaves of a set, for people. */
export function pathsOf(fields: FieldSet, prefix = ''): string[] {
  return Object.entries(fields).flatMap(([key, value]) => {
    if (key === '.') return []
    const path = key.startsWith('k:')
      ? `${prefix}[${keyed(key.slice(2))}]`
      : `${prefix}${prefix ? '.' : ''}${key.slice(2)}`
    // An added list item is named once, not by each of its fields.
    return isEmpty(value) || value['.'] !== undefined ? [path] : pathsOf(value, path)
  })
}

/** Who owns a field other than this suite, for people; empty when nobody does. @param path as `pathsOf` or a diff has it */
export function managersOf(object: KubeObject, path: string): string {
  const plain = (text: string) => text.replaceAll('[name=', '[')
  const wanted = plain(path)
  const owners = entriesOf(object).filter(
    entry =>
      !isOurs(entry) &&
      pathsOf(entry.fieldsV1).some(each => wanted === plain(each) || wanted.startsWith(`${plain(each)}.`)),
  )
  return [...new Set(owners.map(({ manager }) => manager))].join(', ')
}

function keyed(json: string): string {
  const key = JSON.parse(json) as Record<string, unknown>
  return Object.entries(key)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(',')
}

function within(fields: FieldSet, path: string[]): FieldSet {
  const [key, ...rest] = path
  if (key === undefined) return fields
  const inner = fields[key]
  if (!inner) return {}
  const found = within(inner, rest)
  return rest.length > 0 && isEmpty(found) ? {} : { [key]: found }
}

function entriesOf(object: KubeObject): ManagedFields[] {
  return object.metadata.managedFields ?? []
}

function isOurs(entry: ManagedFields): boolean {
  return entry.manager === fieldManager && entry.operation === 'Apply' && !entry.subresource
}
