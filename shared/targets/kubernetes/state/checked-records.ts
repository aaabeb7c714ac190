import { isExpected, ToolError } from '../../../outcome/errors.ts'
import type { ReleaseId } from '../../../release/ledger.ts'
import type { Client } from '../api/client.ts'
import { describe, groupOf, type KubeObject } from '../manifests/objects.ts'
import type { RecordStore } from './records.ts'
import type { Paths } from '../api/resources.ts'

/** What a release of this environment can have, for its records to be held against. */
export interface RecordLimits {
  service: string
  namespace: string
  client: Pick<Client, 'get'>
  paths: Paths
  /** The objects of the runbook's manifests as they are in the repository now; throws where they cannot be read. */
  manifests(): Promise<KubeObject[]>
}

/**
 * Records that are held, whenever one is read, against what a release of this environment can have: objects of its own
 * namespace; and objects of the cluster, or roles and their bindings, only of kinds that the runbook's manifests have now,
 * or that are there already. A record is a Secret: whatever may write Secrets of the namespace can write one, and must not
 * get the rights of the account that deploys by it.
 */
export function checkedRecords(records: RecordStore, limits: RecordLimits): RecordStore {
  return {
    ...records,
    async load(id, slots) {
      const found = await records.load(id, slots)
      if (found) await refuseForeign(id, found.body.manifests, limits)
      return found
    },
  }
}

/** @throws ToolError `record-refused` with the objects that a release could not have */
async function refuseForeign(id: ReleaseId, recorded: unknown, limits: RecordLimits): Promise<void> {
  const objects = Array.isArray(recorded) ? (recorded as unknown[]) : [undefined]
  if (!objects.every(isObject)) throw refused(id, 'what is no object of the API', limits)
  const elsewhere = objects.filter(
    ({ metadata: { namespace } }) => namespace !== undefined && namespace !== limits.namespace,
  )
  const powerful = objects.filter(isPowerful)
  const unknown = powerful.length === 0 ? [] : await unknownOf(powerful, limits)
  const all = new Set([...elsewhere, ...unknown])
  if (all.size > 0) throw refused(id, [...all].map(describe).join(', '), limits)
}

/** API groups whose objects decide who may do what in a cluster, or what becomes of the requests and data of others. */
const decidingGroups = new Set([
  'rbac.authorization.k8s.io',
  'admissionregistration.k8s.io',
  'apiregistration.k8s.io',
  'certificates.k8s.io',
])
/** The same of the core group, all of them cluster-wide. */
const decidingKinds = new Set(['Namespace', 'Node', 'PersistentVolume'])

/**
 * What a forged record must not bring in. Other kinds that belong to the whole cluster, as a PriorityClass or a
 * CustomResourceDefinition, are restored although the release after it has removed them: that is what a rollback is for.
 */
function isPowerful({ apiVersion, kind }: KubeObject): boolean {
  const group = groupOf(apiVersion)
  return decidingGroups.has(group) || (group === '' && decidingKinds.has(kind))
}

async function unknownOf(objects: KubeObject[], limits: RecordLimits): Promise<KubeObject[]> {
  const kinds = await kindsNow(limits)
  const found = await Promise.all(
    objects.map(async object => kinds.has(kindOf(object)) || (await isThere(object, limits))),
  )
  return objects.filter((_object, index) => !found[index])
}

/** Manifests that cannot be read, as where nothing was checked out, have no kinds: a rollback does not need them. */
async function kindsNow(limits: RecordLimits): Promise<Set<string>> {
  try {
    return new Set((await limits.manifests()).map(kindOf))
  } catch (error) {
    if (!isExpected(error)) throw error
    return new Set()
  }
}

async function isThere(object: KubeObject, { client, paths }: RecordLimits): Promise<boolean> {
  try {
    return (await client.get(await paths.of(object))) !== undefined
  } catch (error) {
    // A kind that the cluster has not, or an object that this account may not even read.
    if (!isExpected(error)) throw error
    return false
  }
}

function kindOf({ apiVersion, kind }: KubeObject): string {
  return `${groupOf(apiVersion)}/${kind}`
}

function isObject(value: unknown): value is KubeObject {
  const { apiVersion, kind, metadata } = (value ?? {}) as Record<string, unknown>
  const { name, namespace } = (metadata ?? {}) as Record<string, unknown>
  const isName = (text: unknown) => typeof text === 'string' && /^[\w.:-]{1,253}$/.test(text)
  const isVersion = typeof apiVersion === 'string' && /^([a-z0-9.-]+\/)?v[a-z0-9]+$/.test(apiVersion)
  return isVersion && isName(kind) && isName(name) && (namespace === undefined || isName(namespace))
}

function refused(id: ReleaseId, what: string, { service, namespace }: RecordLimits): ToolError {
  return new ToolError(`the record of ${id} holds what no release of this runbook can have: ${what}`, {
    tool: 'ledger',
    reason: 'record-refused',
    hint: `Nothing was changed. If an earlier release had it, add it to the manifests again. If not, something else in namespace ${namespace} wrote the Secrets runbook-${service}-*: find out what may write them, delete those of ${id}, and deploy again.`,
  })
}
