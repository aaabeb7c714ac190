import { groupOf, podTemplate, type Container, type FieldSet, type KubeObject } from '../manifests/objects.ts'
import { childOf, isEmpty, union } from '../ownership/ownership.ts'

/** Fields that the API server once filled in and that exclude what a manifest says. */
export interface StaleDefaults {
  /** The fields of the live object that have to go. */
  stale: FieldSet
  /** The fields of the manifest that the API server refuses as long as they are there. */
  excluded: FieldSet
}

const none: StaleDefaults = { stale: {}, excluded: {} }

/**
 * Finds what an apply would leave in a live object although the manifest has chosen something else: the parameters of a
 * rolling update beside another strategy, `emptyDir` beside another source of the same volume, the ports of the node of a
 * pod that is in the node's network no more. The API server filled them in, no manager owns them, and so no apply removes
 * them (defaults of pkg/apis/apps/v1/defaults.go and pkg/apis/core/v1/defaults.go, Kubernetes 1.35).
 */
export function staleDefaults(manifest: KubeObject, live: KubeObject): StaleDefaults {
  return [ofStrategy(manifest, live), ofPods(manifest, live)].reduce(both, none)
}

const strategies: Record<string, string> = {
  Deployment: 'strategy',
  StatefulSet: 'updateStrategy',
  DaemonSet: 'updateStrategy',
}

function ofStrategy(manifest: KubeObject, live: KubeObject): StaleDefaults {
  const field = groupOf(manifest.apiVersion) === 'apps' ? strategies[manifest.kind] : undefined
  if (field === undefined) return none
  const wanted = manifest.spec?.[field] as { type?: string; rollingUpdate?: unknown } | undefined
  const found = live.spec?.[field] as { rollingUpdate?: object } | undefined
  const chosen = wanted?.type
  if (chosen === undefined || chosen === 'RollingUpdate' || wanted?.rollingUpdate) return none
  if (!found?.rollingUpdate) return none
  return {
    stale: { 'f:spec': { [`f:${field}`]: { 'f:rollingUpdate': leaves(found.rollingUpdate) } } },
    excluded: { 'f:spec': { [`f:${field}`]: { 'f:type': {} } } },
  }
}

function ofPods(manifest: KubeObject, live: KubeObject): StaleDefaults {
  const [wanted, found] = [podTemplate(manifest)?.spec, podTemplate(live)?.spec]
  if (!wanted || !found) return none
  const ofVolumes = (wanted.volumes ?? []).map(({ name, ...source }) => {
    const { name: _name, ...there } = found.volumes?.find(each => each.name === name) ?? { name }
    const [chosen] = Object.keys(source).filter(key => source[key] !== null && source[key] !== undefined)
    if (chosen === undefined || chosen === 'emptyDir' || !('emptyDir' in there)) return none
    const at = (fields: FieldSet): FieldSet => ({
      'f:volumes': { [`k:${JSON.stringify({ name })}`]: fields },
    })
    return {
      stale: at({ 'f:emptyDir': leaves(there['emptyDir'] as object) }),
      excluded: at({ [`f:${chosen}`]: {} }),
    }
  })
  const leavesNode = found['hostNetwork'] === true && wanted['hostNetwork'] !== true
  const lists = ['containers', 'initContainers'] as const
  const ofPorts = leavesNode ? lists.flatMap(list => hostPorts(list, wanted[list], found[list])) : []
  const { stale, excluded } = [...ofVolumes, ...ofPorts].reduce(both, none)
  return { stale: inTemplate(manifest, stale), excluded: inTemplate(manifest, excluded) }
}

interface Port {
  containerPort: number
  protocol?: string
  hostPort?: number
}

function hostPorts(
  list: string,
  wanted: Container[] | undefined = [],
  found: Container[] | undefined = [],
): StaleDefaults[] {
  return wanted.flatMap(({ name, ...container }) => {
    const there = (found.find(each => each.name === name)?.['ports'] ?? []) as Port[]
    return ((container['ports'] ?? []) as Port[]).flatMap(port => {
      const { containerPort, protocol = 'TCP' } = port
      const same = there.find(
        each => each.containerPort === containerPort && (each.protocol ?? 'TCP') === protocol,
      )
      if (port.hostPort !== undefined || same?.hostPort === undefined) return []
      const key = `k:${JSON.stringify({ containerPort, protocol })}`
      const fields: FieldSet = { 'f:ports': { [key]: { 'f:hostPort': {} } } }
      return [{ stale: { [`f:${list}`]: { [`k:${JSON.stringify({ name })}`]: fields } }, excluded: {} }]
    })
  })
}

function inTemplate({ kind }: KubeObject, fields: FieldSet): FieldSet {
  if (isEmpty(fields)) return fields
  const template: FieldSet = { 'f:template': { 'f:spec': fields } }
  return { 'f:spec': kind === 'CronJob' ? { 'f:jobTemplate': { 'f:spec': template } } : template }
}

/** The fields of a value without lists. */
function leaves(value: object): FieldSet {
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      `f:${key}`,
      typeof each === 'object' && each !== null && !Array.isArray(each) ? leaves(each as object) : {},
    ]),
  )
}

function both(a: StaleDefaults, b: StaleDefaults): StaleDefaults {
  return { stale: union(a.stale, b.stale), excluded: union(a.excluded, b.excluded) }
}

/**
 * A copy of a value without some of its fields; a leaf of the set takes all that lies under it, and a map of which nothing
 * is left goes with its fields.
 */
export function without(value: unknown, fields: FieldSet): unknown {
  if (isEmpty(fields)) return value
  if (Array.isArray(value)) {
    return value.map((item: unknown) => {
      const key = Object.keys(fields).find(each => each.startsWith('k:') && childOf([item], each) === item)
      return key === undefined ? item : without(item, fields[key] ?? {})
    })
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => {
      const inner = fields[`f:${key}`]
      if (!inner) return [[key, each]]
      const rest = isEmpty(inner) ? {} : without(each, inner)
      const nothing = !Array.isArray(rest) && Object.keys(rest as object).length === 0
      return nothing ? [] : [[key, rest]]
    }),
  )
}

/** A copy of a value that has some fields of another one, too. @param fields of `source`, which has all of them */
export function withFields(value: unknown, source: unknown, fields: FieldSet): unknown {
  if (Array.isArray(value)) {
    return value.map((item: unknown) => {
      const key = Object.keys(fields).find(each => each.startsWith('k:') && childOf([item], each) === item)
      return key === undefined ? item : withFields(item, childOf(source, key), fields[key] ?? {})
    })
  }
  const added = Object.entries(fields).map(([key, inner]) => {
    const name = key.slice(2)
    const there = (value as Record<string, unknown> | undefined)?.[name]
    const wanted = childOf(source, key)
    return [name, isEmpty(inner) ? wanted : withFields(there, wanted, inner)] as const
  })
  return { ...(value as object | undefined), ...Object.fromEntries(added) }
}
