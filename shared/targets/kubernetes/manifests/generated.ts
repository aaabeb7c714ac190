import { InputError } from '../../../outcome/errors.ts'
import { describe, groupOf, type KubeObject } from './objects.ts'

/** Kinds whose controllers make the objects that they own, whatever a manifest says of these. */
const controllers =
  /^(ReplicaSet|ReplicationController|StatefulSet|DaemonSet|Deployment|Job|CronJob|Service|Node)$/

/**
 * Why an object of a manifest is not applied: the cluster or a tool generates it, and `kubectl get all -o yaml` shows it
 * beside the objects that it follows from. Applied, it would be a second one of its kind, or a fact that is not true.
 * @returns for people, as it follows the object's name; undefined for an object that is applied
 */
export function generatedBy({ apiVersion, kind, metadata, ...rest }: KubeObject): string | undefined {
  const owners: unknown = metadata.ownerReferences
  const controller = (Array.isArray(owners) ? (owners as Partial<Owner>[]) : []).find(each => each.controller)
  if (controller && controllers.test(String(controller.kind)))
    return `its controller ${String(controller.kind)} ${String(controller.name)} makes it`
  const group = groupOf(apiVersion)
  if (kind === 'Event' && ['', 'events.k8s.io'].includes(group))
    return 'it reports what happened in a cluster'
  if (group === 'coordination.k8s.io' && has(metadata.annotations, 'runbook/ledger')) return ofThisSuite
  if (group !== '') return undefined
  if (kind === 'Secret' && has(metadata.labels, 'runbook/part')) return ofThisSuite
  if (kind === 'Secret' && rest['type'] === 'helm.sh/release.v1') return 'it is a record of Helm'
  if (kind === 'ConfigMap' && metadata.name === 'kube-root-ca.crt') return 'each cluster makes its own'
  if (kind === 'Endpoints' && isOfEndpointsController(metadata))
    return 'it follows from the Service of its name'
  return undefined
}

interface Owner {
  kind: unknown
  name: unknown
  controller: unknown
}

const ofThisSuite = 'it is a record of runbook-actions'

/**
 * Refuses objects with the names under which the lock and the records of this service's environment are kept: applied,
 * they would replace these.
 * @throws InputError that names the first
 */
export function refuseOwnRecords(objects: KubeObject[], service: string): void {
  const record = new RegExp(`^runbook-${service}-\\d+$`)
  const found = objects.find(({ apiVersion, kind, metadata: { name } }) =>
    groupOf(apiVersion) === 'coordination.k8s.io'
      ? kind === 'Lease' && name === `runbook-${service}`
      : groupOf(apiVersion) === '' && kind === 'Secret' && record.test(name),
  )
  if (!found) return
  throw new InputError(
    `manifests: ${describe(found)} has the name of what runbook-actions keeps for this environment`,
    { hint: `Remove ${found.kind} ${found.metadata.name} from the manifests, or give it another name.` },
  )
}

function isOfEndpointsController({ annotations, labels }: KubeObject['metadata']): boolean {
  return (
    has(annotations, 'endpoints.kubernetes.io/last-change-trigger-time') ||
    has(labels, 'endpoints.kubernetes.io/managed-by')
  )
}

function has(map: Record<string, string> | null | undefined, key: string): boolean {
  return map?.[key] !== undefined
}
