import { podTemplate, type Container, type KubeObject, type PodTemplate } from './objects.ts'

/** Of the items with the same key, which one a pod's containers see; `all`: those of each, as a line of /etc/hosts each. */
type Counts = 'first' | 'last' | 'all'

/**
 * Lists of a pod that may hold an item twice when they are created, and not when they are applied (server-side apply:
 * "duplicate entries for key"). The kubelet gives a variable its last value.
 */
const containerLists: { list: string; key: (item: Item) => string; counts: Counts }[] = [
  { list: 'env', key: ({ name }) => String(name), counts: 'last' },
  {
    list: 'ports',
    key: ({ containerPort, protocol = 'TCP' }) => `${String(containerPort)}/${String(protocol)}`,
    counts: 'first',
  },
]
const podLists: typeof containerLists = [
  { list: 'imagePullSecrets', key: ({ name }) => String(name), counts: 'first' },
  { list: 'hostAliases', key: ({ ip }) => String(ip), counts: 'all' },
]

type Item = Record<string, unknown>

/** A manifest in which every item of a list is there once, with one line for each that was there more often. */
export function uniqueItems(object: KubeObject): { object: KubeObject; notes: string[] } {
  const template = podTemplate(object)
  if (!template) return { object, notes: [] }
  const notes: string[] = []
  const spec = uniqueLists(template.spec, podLists, note => notes.push(note))
  for (const list of ['initContainers', 'containers'] as const) {
    if (!Array.isArray(spec[list])) continue
    spec[list] = spec[list].map((container: Container) =>
      uniqueLists(container, containerLists, note => notes.push(`container ${container.name}: ${note}`)),
    )
  }
  return notes.length === 0
    ? { object, notes }
    : { object: withTemplate(object, { ...template, spec }), notes }
}

function uniqueLists<T extends object>(
  owner: T,
  lists: typeof containerLists,
  note: (line: string) => void,
): T {
  const changed: Record<string, unknown> = {}
  for (const { list, key, counts } of lists) {
    const items = (owner as Record<string, unknown>)[list]
    if (!Array.isArray(items)) continue
    const keyed = items.filter((item): item is Item => typeof item === 'object' && item !== null)
    const chosen = new Map<string, Item>()
    const twice = new Set<string>()
    for (const item of keyed) {
      const name = key(item)
      const before = chosen.get(name)
      if (before) twice.add(name)
      if (!before || counts === 'last') chosen.set(name, item)
      else if (counts === 'all') chosen.set(name, withHostnamesOf(before, item))
    }
    if (twice.size === 0) continue
    changed[list] =
      counts === 'all' ? [...chosen.values()] : keyed.filter(item => chosen.get(key(item)) === item)
    const said = counts === 'all' ? 'its host names are put together' : `the ${counts} one counts`
    for (const name of twice) note(`${list} has ${name} more than once; ${said}`)
  }
  return { ...owner, ...changed }
}

function withHostnamesOf(before: Item, item: Item): Item {
  const names = [before, item].flatMap(({ hostnames }) =>
    Array.isArray(hostnames) ? (hostnames as unknown[]) : [],
  )
  return { ...before, hostnames: [...new Set(names)] }
}

function withTemplate(object: KubeObject, template: PodTemplate): KubeObject {
  if (object.kind !== 'CronJob') return { ...object, spec: { ...object.spec, template } }
  const jobTemplate = object.spec?.['jobTemplate'] as { spec?: object }
  return {
    ...object,
    spec: { ...object.spec, jobTemplate: { ...jobTemplate, spec: { ...jobTemplate.spec, template } } },
  }
}
