import { groupOf, type KubeObject } from './manifests/objects.ts'

/** Never deleted by this suite: with them goes data, or everything. */
const keptKinds = new Set([
  '/Namespace',
  '/PersistentVolume',
  '/PersistentVolumeClaim',
  'apiextensions.k8s.io/CustomResourceDefinition',
  'snapshot.storage.k8s.io/VolumeSnapshot',
  'snapshot.storage.k8s.io/VolumeSnapshotContent',
])

/** Whether this suite may delete objects of this kind at all. */
export function mayBeDeleted({ apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>): boolean {
  return !keptKinds.has(`${groupOf(apiVersion)}/${kind}`)
}

/** API groups of the kinds that Kubernetes 1.35 itself has; those of every other group are custom resources. */
const builtInGroups = new Set([
  '',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'apps',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'networking.k8s.io',
  'node.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'resource.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
])

/** Whether an object is of a kind that Kubernetes itself has, and no custom resource. */
export function isBuiltIn({ apiVersion }: Pick<KubeObject, 'apiVersion'>): boolean {
  return builtInGroups.has(groupOf(apiVersion))
}

/** Whether the claims of a live StatefulSet are deleted together with it, as its retention policy says. */
export function deletesClaims({ apiVersion, kind, spec }: KubeObject): boolean {
  const policy = spec?.['persistentVolumeClaimRetentionPolicy'] as { whenDeleted?: string } | undefined
  return groupOf(apiVersion) === 'apps' && kind === 'StatefulSet' && policy?.whenDeleted === 'Delete'
}

/**
 * The names of the claims that the garbage collector would delete together with an object.
 * @param claims of its namespace, as the API has them
 */
export function claimsOwnedBy(object: KubeObject, claims: KubeObject[]): string[] {
  const { uid } = object.metadata
  return claims
    .filter(({ metadata }) => metadata.ownerReferences?.some(owner => owner.uid === uid))
    .map(({ metadata }) => metadata.name)
}
