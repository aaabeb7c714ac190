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

/** Lets go of the number of replicas without changing it: an apply that drops an owned field would reset it to 1. */
export function releaseReplicas(object: KubeObject): ManagedFields[] {
  return entriesOf(object).map(entry =>
    isOurs(entry)
      ? { ...entry, fieldsV1: difference(entry.fieldsV1, { 'f:spec': { 'f:replicas': {} } }) }
      : entry,
  )
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
    both[key] = isEmpty(other) ? value : isEmpty(value) ? value : intersection(value, other)
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
