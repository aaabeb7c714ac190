import {
  fieldManager,
  podTemplate,
  type FieldSet,
  type KubeObject,
  type ManagedFields,
} from '../manifests/objects.ts'

/** Tools with which people deploy: what they own when this suite first meets an object becomes this suite's. */
const deployers =
  /^(kubectl|helm|before-first-apply|terraform|pulumi|kustomize|argocd|flux|skaffold|kapp|lens|dashboard|node-fetch|kubernetes-client-javascript)/i

/** What of an object makes it serve as it does: only there are the traces of others removed (docs/decisions/0003). */
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

/**
 * True when a first contact takes over all that an entry owns, in whichever served version it was written: it is of a
 * deployment tool, and no status. `kubectl scale` writes through the subresource `scale`.
 */
export function isOfDeployer({
  manager,
  subresource = '',
}: Pick<ManagedFields, 'manager' | 'subresource'>): boolean {
  return deployers.test(manager) && ['', 'scale'].includes(subresource)
}

/** Of what a first contact takes over the fields that can be compared: those written in the version of the object. */
export function fieldsOfDeployers(object: KubeObject): FieldSet {
  return entriesOf(object)
    .filter(entry => entry.apiVersion === object.apiVersion && isOfDeployer(entry))
    .map(entry => entry.fieldsV1)
    .reduce(union, {})
}

/**
 * The field owners that are written ahead of an apply, so that it takes fields over without a conflict and removes those
 * that the manifest does not name. A set of fields is only known in the version in which it was written, and the API
 * server converts the set of the applying manager itself; so there is one write for each version, and an apply follows
 * each of them.
 * @param taken the fields of another manager's entry that become this suite's
 * @param released fields that this suite no longer owns afterwards; their values stay
 * @returns managedFields to be put onto the object, one list for each version; empty when no field changes hands
 */
export function ownershipWrites(
  object: KubeObject,
  taken: (entry: ManagedFields) => FieldSet,
  released: FieldSet = {},
): ManagedFields[][] {
  const entries = entriesOf(object)
  const others = entries.filter(entry => !isOurs(entry)).map(entry => ({ entry, moved: taken(entry) }))
  const ours = entries.find(isOurs)
  const letGo = ours !== undefined && !isEmpty(intersection(ours.fieldsV1, released))
  if (!letGo && others.every(({ moved }) => isEmpty(moved))) return []
  const rest = others
    .map(({ entry, moved }) => ({ ...entry, fieldsV1: difference(entry.fieldsV1, moved) }))
    .filter(entry => !isEmpty(entry.fieldsV1))
  const byVersion = new Map<string, FieldSet>()
  const add = (version: string, fields: FieldSet) => {
    const left = difference(fields, released)
    if (!isEmpty(left)) byVersion.set(version, union(byVersion.get(version) ?? {}, left))
  }
  if (ours) add(ours.apiVersion, ours.fieldsV1)
  for (const { entry, moved } of others) add(entry.apiVersion, moved)
  // The version of the manifest comes last: what the apply then owns is written in it.
  const versions = [...byVersion].toSorted(
    ([a], [b]) => Number(a === object.apiVersion) - Number(b === object.apiVersion),
  )
  if (versions.length === 0) return [rest]
  return versions.map(([apiVersion, fieldsV1]) => [
    {
      manager: fieldManager,
      operation: 'Apply',
      apiVersion,
      fieldsType: 'FieldsV1',
      ...(ours?.time ? { time: ours.time } : {}),
      fieldsV1,
    },
    ...rest,
  ])
}

/**
 * The controller that has scaled a workload last, through the subresource that is made for it; undefined when a person's
 * tool or nothing has. The cluster's own autoscaler is not meant: its HorizontalPodAutoscalers say what it scales.
 */
export function scalingController(object: KubeObject): string | undefined {
  return entriesOf(object).find(
    ({ manager, subresource, fieldsV1 }) =>
      subresource === 'scale' &&
      !manager.startsWith(autoscaler) &&
      !deployers.test(manager) &&
      hasField(fieldsV1, ['f:spec', 'f:replicas']),
  )?.manager
}

/** Under a name that begins like this the cluster's controllers write: it is that of their program. */
const autoscaler = 'kube-controller-manager'

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

/**
 * The fields that a manifest sets, in the form in which server-side apply keeps them.
 * @param known fields of the live object, which say by what its lists are keyed; lists that it does not have are keyed by
 * name
 */
export function fieldsOf(value: unknown, known: FieldSet): FieldSet {
  if (typeof value !== 'object' || value === null) return {}
  const listKeys = Object.keys(known).filter(key => key.startsWith('k:'))
  const entries: [string, unknown][] = Array.isArray(value)
    ? value.flatMap((item): [string, unknown][] => {
        const name: unknown = (item as { name?: unknown } | null)?.name
        const byName = typeof name === 'string' ? `k:${JSON.stringify({ name })}` : undefined
        const key = matchingKey(item, listKeys) ?? byName
        return key === undefined ? [] : [[key, item]]
      })
    : Object.entries(value).map(([key, each]) => [`f:${key}`, each])
  if (entries.length === 0) return {}
  const fields = entries.map(([key, each]) => [key, fieldsOf(each, known[key] ?? {})] as const)
  // The map, list or item itself is set, too.
  return { '.': {}, ...Object.fromEntries(fields) }
}

/**
 * Of the keys that a list has, the one of an item: every part that the item names is equal. A part that it leaves out has
 * its default there, which the API server has filled in; so the key that has most parts in common wins.
 */
export function matchingKey(item: unknown, listKeys: string[]): string | undefined {
  if (typeof item !== 'object' || item === null) return undefined
  const fields = item as Record<string, unknown>
  let best: { key: string; equal: number } | undefined
  for (const key of listKeys) {
    const parts = Object.entries(JSON.parse(key.slice(2)) as Record<string, unknown>)
    const named = parts.filter(([name]) => fields[name] !== undefined)
    if (named.length === 0 || !named.every(([name, value]) => fields[name] === value)) continue
    const isDefault = parts.every(([name, value]) => fields[name] !== undefined || defaults[name] === value)
    if (isDefault && named.length > (best?.equal ?? 0)) best = { key, equal: named.length }
  }
  return best?.key
}

/** The parts of list keys that Kubernetes' own kinds have a default for (`x-kubernetes-list-map-keys` of its OpenAPI). */
const defaults: Record<string, unknown> = { protocol: 'TCP' }

/** Fields to which another manager has given another value than a manifest does: a forced apply takes them. */
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
    return (value as unknown[]).find(item => matchingKey(item, [key]) !== undefined)
  }
  const known = key.startsWith('f:') && typeof value === 'object' && value !== null && !Array.isArray(value)
  return known ? (value as Record<string, unknown>)[key.slice(2)] : undefined
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

/** Which manager other than this suite owns a field, for people; empty when none does. @param path as `pathsOf` has it */
export function managersOf(object: KubeObject, path: string): string {
  const owners = entriesOf(object).filter(
    entry =>
      !isOurs(entry) && pathsOf(entry.fieldsV1).some(each => path === each || path.startsWith(`${each}.`)),
  )
  return [...new Set(owners.map(({ manager }) => manager))].join(', ')
}

/** `containerPort=53,protocol=UDP`: the key of a list item, for people. @param json what follows `k:` in a field set */
export function keyed(json: string): string {
  const key = JSON.parse(json) as Record<string, unknown>
  return Object.entries(key)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(',')
}

/** All fields of which the API server says who owns them, in the version of the object: also how its lists are keyed. */
export function knownFields(object: KubeObject): FieldSet {
  return inVersion(object)
    .map(entry => entry.fieldsV1)
    .reduce(union, {})
}

/**
 * True when this suite set a field last: an update by any other manager that changes its value takes it away. What
 * admission makes of a value on its way in leaves the owner as it is.
 * @param keys the path as field sets have it: `f:spec`, `f:replicas`
 */
export function ownsField(object: KubeObject, keys: string[]): boolean {
  return inVersion(object).some(entry => isOurs(entry) && hasField(entry.fieldsV1, keys))
}

/** The managers other than this suite that own a field, for people; empty when none does. @param keys as `ownsField` */
export function managersAt(object: KubeObject, keys: string[]): string {
  const owners = inVersion(object).filter(entry => !isOurs(entry) && hasField(entry.fieldsV1, keys))
  return [...new Set(owners.map(({ manager }) => manager))].join(', ')
}

/** Whether a set has a field, or a list or map that is owned as one and holds it. */
function hasField(fields: FieldSet, [key, ...rest]: string[]): boolean {
  if (key === undefined) return true
  const inner = fields[key]
  return inner !== undefined && (isEmpty(inner) || hasField(inner, rest))
}

function inVersion(object: KubeObject): ManagedFields[] {
  return entriesOf(object).filter(({ apiVersion }) => apiVersion === object.apiVersion)
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
