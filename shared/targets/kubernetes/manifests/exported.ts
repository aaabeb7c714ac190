import { groupOf, stamps, type KubeObject, type ObjectMeta } from './objects.ts'

/** What only the API server writes; `kubectl get -o yaml` shows it, and an apply may not send it. */
const ofServer = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'selfLink',
] as const

/** Only an object that was read from a cluster has one of these with a value. */
const marksOfExport = ['uid', 'resourceVersion', 'creationTimestamp', 'managedFields'] as const

/** Annotations of controllers and tools that say something about one object of one cluster. */
const boundAnnotations =
  /^(kubectl\.kubernetes\.io\/last-applied-configuration|deployment\.kubernetes\.io\/(revision|desired-replicas|max-replicas)|deprecated\.daemonset\.template\.generation|pv\.kubernetes\.io\/.+|volume(\.beta)?\.kubernetes\.io\/(storage-provisioner|selected-node))$/

/** Finalizers that controllers of Kubernetes put onto objects themselves. */
const ownFinalizers =
  /^(foregroundDeletion|orphan|kubernetes\.io\/pvc?-protection|service\.kubernetes\.io\/load-balancer-cleanup|batch\.kubernetes\.io\/job-tracking)$/

/** What of this suite's marks a user writes; the others say which release an object is of. */
const userMarks: string[] = [stamps.keepRunning, stamps.migration, stamps.schemaNeeds]

/** Labels that the controller of Jobs generates. */
const jobLabels = [
  'controller-uid',
  'batch.kubernetes.io/controller-uid',
  'job-name',
  'batch.kubernetes.io/job-name',
]

/** A part of an object that was left out. */
export interface LeftOut {
  path: string[]
}

/**
 * A manifest without what the cluster writes itself: manifests are often exported (`kubectl get -o yaml`). Addresses and
 * bindings that may be meant as they are written go only when the object shows that it was exported.
 * @returns the object, and what was left out of it that said something
 */
export function withoutServerFields(read: KubeObject): { object: KubeObject; leftOut: LeftOut[] } {
  const object = structuredClone(read)
  const leftOut: LeftOut[] = []
  const drop = (holder: object | undefined, key: string, path: string[]) => {
    const fields = holder as Record<string, unknown> | undefined
    if (fields?.[key] === undefined) return
    if (!isEmpty(fields[key])) leftOut.push({ path: [...path, key] })
    Reflect.deleteProperty(fields, key)
  }
  const { metadata } = object
  const exported = marksOfExport.some(key => !isEmpty(metadata[key]))
  for (const key of ofServer) drop(metadata, key, ['metadata'])
  // An owner of another cluster, or one that is gone, would have the object collected as garbage.
  drop(metadata, 'ownerReferences', ['metadata'])
  if (isMap(object['status']) || object['status'] === null) drop(object, 'status', [])
  for (const key of keysOf(metadata.annotations)) {
    if (boundAnnotations.test(key) || isSuiteMark(key))
      drop(metadata.annotations, key, ['metadata', 'annotations'])
  }
  for (const key of keysOf(metadata.labels)) {
    if (isSuiteMark(key)) drop(metadata.labels, key, ['metadata', 'labels'])
  }
  const template = object.spec?.['template'] as { metadata?: ObjectMeta | null } | null | undefined
  if (isMap(template) && isMap(template.metadata))
    drop(template.metadata, 'creationTimestamp', ['spec', 'template', 'metadata'])
  if (exported) dropBindings(object, drop)
  return { object, leftOut }
}

type Drop = (holder: object | undefined, key: string, path: string[]) => void

function dropBindings(object: KubeObject, drop: Drop): void {
  const { metadata, spec } = object
  const finalizers = metadata['finalizers']
  if (Array.isArray(finalizers)) {
    const kept = (finalizers as unknown[]).filter(each => !ownFinalizers.test(String(each)))
    if (kept.length === 0) drop(metadata, 'finalizers', ['metadata'])
    else metadata['finalizers'] = kept
  }
  switch (`${groupOf(object.apiVersion)}/${object.kind}`) {
    case '/Service':
      if (spec?.['clusterIP'] === 'None') break
      drop(spec, 'clusterIP', ['spec'])
      drop(spec, 'clusterIPs', ['spec'])
      drop(spec, 'healthCheckNodePort', ['spec'])
      break
    case '/PersistentVolumeClaim':
      drop(spec, 'volumeName', ['spec'])
      break
    case '/PersistentVolume': {
      const claim = spec?.['claimRef'] as object | undefined
      drop(claim, 'uid', ['spec', 'claimRef'])
      drop(claim, 'resourceVersion', ['spec', 'claimRef'])
      break
    }
    case '/Namespace':
      drop(spec, 'finalizers', ['spec'])
      break
    case 'batch/Job': {
      if (spec?.['manualSelector'] === true) break
      const template = spec?.['template'] as { metadata?: ObjectMeta } | undefined
      drop(spec, 'selector', ['spec'])
      for (const label of jobLabels) {
        drop(metadata.labels, label, ['metadata', 'labels'])
        drop(template?.metadata?.labels, label, ['spec', 'template', 'metadata', 'labels'])
      }
    }
  }
}

function isSuiteMark(key: string): boolean {
  return key.startsWith('runbook/') && !userMarks.includes(key)
}

function keysOf(map: unknown): string[] {
  return isMap(map) ? Object.keys(map) : []
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `creationTimestamp: null` and `status: {}` are in manifests that tools generate, and say nothing. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true
  return typeof value === 'object' && Object.values(value).every(isEmpty)
}
