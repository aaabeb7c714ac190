import { groupOf, type KubeObject } from './objects.ts'

/**
 * Which kinds are applied one after the other; what is in the same wave is applied side by side. Few waves, since each
 * costs a look at the lease and a round trip. A kind that is in none (workloads, what scales them, custom resources) is
 * applied in the wave of `workloads`.
 */
const first = ['Namespace', 'CustomResourceDefinition']

/** What workloads use, or are bounded by: it has to be there before a pod starts. */
const ground = [
  'PriorityClass',
  'RuntimeClass',
  'StorageClass',
  'ResourceQuota',
  'LimitRange',
  'NetworkPolicy',
  'ValidatingAdmissionPolicy',
  'MutatingAdmissionPolicy',
  'ServiceAccount',
  'Role',
  'ClusterRole',
  'ConfigMap',
  'Secret',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'PodDisruptionBudget',
  'Service',
  'IngressClass',
  'Ingress',
]

/** Who may do what: a binding is refused while the role that it names is not there. */
const bindings = [
  'RoleBinding',
  'ClusterRoleBinding',
  'ValidatingAdmissionPolicyBinding',
  'MutatingAdmissionPolicyBinding',
]

/** What sends the API server to pods of the release: before these are there, it would refuse the rest. */
const last = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration', 'APIService']

/** The wave of workloads. */
export const workloads = 3

/** 0 is applied first. */
export const waves = [0, 1, 2, workloads, 4] as const

const waveByKind = new Map<string, number>(
  [first, ground, bindings, [], last].flatMap((kinds, wave) => kinds.map(kind => [kind, wave])),
)

/** Groups of the cluster's own kinds end like this; a custom `Service` of some other group is no Service. */
const builtInGroup = /^(apps|batch|autoscaling|policy|)$|\.k8s\.io$/

/** The wave in which an object is applied. */
export function waveOf({ apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>): number {
  return (builtInGroup.test(groupOf(apiVersion)) ? waveByKind.get(kind) : undefined) ?? workloads
}

/** Sorted by wave; within one, as they were written. */
export function inOrder(objects: KubeObject[]): KubeObject[] {
  return objects.toSorted((a, b) => waveOf(a) - waveOf(b))
}
