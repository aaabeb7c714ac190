import { groupOf, isDefinedBy, podTemplate, type KubeObject, type PodTemplate } from '../manifests/objects.ts'
import { referencesOf } from '../manifests/render.ts'
import { isBuiltIn } from '../state.ts'

/**
 * What of a release's manifests has to be there before a pod can run, beside the ConfigMaps and Secrets that it reads: its
 * account with the rights of that, secrets for pulling images, claims, classes, network policies that select it, and the
 * custom resources from which volumes or Secrets of it are made (SecretProviderClass, ExternalSecret, Certificate), with
 * their definitions.
 */
export function prerequisitesOf(template: PodTemplate, manifests: KubeObject[]): KubeObject[] {
  const found = new Set<KubeObject>()
  const find = (kind: string, name: unknown) => {
    for (const object of manifests)
      if (object.kind === kind && object.metadata.name === name && isBuiltIn(object)) found.add(object)
  }
  const { spec } = template
  const account = manifests.find(
    object => object.kind === 'ServiceAccount' && object.metadata.name === spec['serviceAccountName'],
  )
  if (account) {
    found.add(account)
    for (const binding of manifests.filter(object => binds(object, account))) {
      found.add(binding)
      const { kind, name } = binding['roleRef'] as { kind: string; name: string }
      find(kind, name)
    }
  }
  for (const name of namesIn([spec['imagePullSecrets'], account?.['imagePullSecrets']])) find('Secret', name)
  find('PriorityClass', spec['priorityClassName'])
  find('RuntimeClass', spec['runtimeClassName'])
  for (const claim of claimsOf(template)) {
    find('PersistentVolumeClaim', claim)
    const { spec: wanted } =
      [...found].find(({ kind, metadata }) => kind === 'PersistentVolumeClaim' && metadata.name === claim) ??
      {}
    find('StorageClass', wanted?.['storageClassName'])
    find('PersistentVolume', wanted?.['volumeName'])
  }
  for (const object of manifests.filter(each => selects(each, template))) found.add(object)
  for (const object of customFor(template, manifests)) found.add(object)
  return manifests.filter(object => found.has(object))
}

/** The claims that the volumes of a template name. */
function claimsOf({ spec }: PodTemplate): string[] {
  return (spec.volumes ?? []).flatMap(volume => {
    const { claimName } = (volume['persistentVolumeClaim'] ?? {}) as { claimName?: string }
    return claimName === undefined ? [] : [claimName]
  })
}

function binds(object: KubeObject, account: KubeObject): boolean {
  const { kind, apiVersion } = object
  if (groupOf(apiVersion) !== 'rbac.authorization.k8s.io') return false
  if (kind !== 'RoleBinding' && kind !== 'ClusterRoleBinding') return false
  const subjects = (object['subjects'] ?? []) as { kind?: string; name?: string; namespace?: string }[]
  return subjects.some(
    each =>
      each.kind === 'ServiceAccount' &&
      each.name === account.metadata.name &&
      (each.namespace ?? object.metadata.namespace) === account.metadata.namespace,
  )
}

/** A policy of the network that selects the pods by their labels. */
function selects({ apiVersion, kind, spec }: KubeObject, { metadata }: PodTemplate): boolean {
  if (kind !== 'NetworkPolicy' || groupOf(apiVersion) !== 'networking.k8s.io') return false
  const { matchLabels = {}, matchExpressions = [] } = (spec?.['podSelector'] ?? {}) as Selector
  const labels = metadata?.labels ?? {}
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(each => holds(each, labels))
  )
}

interface Selector {
  matchLabels?: Record<string, string>
  matchExpressions?: Requirement[]
}

interface Requirement {
  key: string
  operator: string
  values?: string[]
}

/** As the API compares labels (LabelSelectorRequirement of meta/v1). */
function holds({ key, operator, values = [] }: Requirement, labels: Record<string, string>): boolean {
  const label = labels[key]
  switch (operator) {
    case 'In':
      return label !== undefined && values.includes(label)
    case 'NotIn':
      return label === undefined || !values.includes(label)
    case 'Exists':
      return label !== undefined
    default:
      return label === undefined
  }
}

/**
 * Custom resources that a template's volumes name, that make a Secret or ConfigMap which it reads, or that one of these
 * names in turn; and the definitions of them all. What has pods of its own, or scales some, is part of the workload.
 */
function customFor(template: PodTemplate, manifests: KubeObject[]): KubeObject[] {
  const candidates = manifests.filter(
    object =>
      !isBuiltIn(object) &&
      !podTemplate(object) &&
      !object.spec?.['template'] &&
      !object.spec?.['scaleTargetRef'],
  )
  const volumes = (template.spec.volumes ?? []).map(({ name: _name, ...source }) => source)
  const read = [...referencesOf(template)].map(reference => reference.slice(reference.indexOf('/') + 1))
  const names = new Set([...read, ...textsIn(volumes), ...textsIn(template.spec['resourceClaims'])])
  const found = new Set<KubeObject>()
  for (let before = -1; before < found.size;) {
    before = found.size
    for (const object of candidates) {
      if (found.has(object) || !namesOf(object).some(name => names.has(name))) continue
      found.add(object)
      for (const text of textsIn(object.spec)) names.add(text)
    }
  }
  const definitions = manifests.filter(
    object =>
      object.kind === 'CustomResourceDefinition' && [...found].some(each => isDefinedBy(each, [object])),
  )
  return [...definitions, ...found]
}

/** The name of a custom resource, and that of the object which it says it makes. */
function namesOf({ metadata, spec }: KubeObject): string[] {
  const { name } = (spec?.['target'] ?? {}) as { name?: unknown }
  return [metadata.name, name, spec?.['secretName']].filter(each => typeof each === 'string')
}

function namesIn(lists: unknown[]): unknown[] {
  return lists.flatMap(list =>
    Array.isArray(list) ? (list as { name?: unknown }[]).map(each => each.name) : [],
  )
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(textsIn)
}
