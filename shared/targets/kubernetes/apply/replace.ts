import { createHash } from 'node:crypto'
import { ApiError } from '../api/api-error.ts'
import type { Client } from '../api/client.ts'
import { fieldManager, groupOf, podTemplate, type KubeObject } from '../manifests/objects.ts'
import { isBuiltIn, mayBeDeleted } from '../state.ts'

/** Kinds that are never deleted to be created again although they hold no data: pods and tokens refer to them by UID. */
const neverReplaced = ['ServiceAccount', 'Node', 'APIService', 'CustomResourceDefinition']

/**
 * Whether an object of this kind may be deleted and created again when the API server does not take a change of it. Never
 * what holds data, and never a custom resource: deleting it may delete what it stands for.
 */
export function isReplaceable(object: KubeObject): boolean {
  return isBuiltIn(object) && mayBeDeleted(object) && !neverReplaced.includes(object.kind)
}

/**
 * Whether the refusal of a change is one that a new object does not meet: then the API server takes the same object under
 * another name (a dry run). Whatever else is wrong with it would be refused there too, and the live one is kept.
 * @param collection path of the objects of this kind
 */
export async function isTransitionRefused(
  client: Client,
  collection: string,
  error: ApiError,
  object: KubeObject,
  live: KubeObject,
): Promise<boolean> {
  if (!isReplaceable(live) || (error.status !== 422 && error.status !== 400) || error.conflicts.length > 0)
    return false
  const trial = trialOf(object)
  try {
    await client.patch(`${collection}/${trial.metadata.name}`, 'apply', trial, {
      fieldManager,
      fieldValidation: 'Strict',
      dryRun: 'All',
      force: 'true',
    })
    return true
  } catch (refused) {
    if (!(refused instanceof ApiError)) throw refused
    return false
  }
}

/** The object under a name that no other has, without what only one object of the cluster can have. */
function trialOf(object: KubeObject): KubeObject {
  const { name, namespace, labels, annotations } = object.metadata
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 10)
  const trial: KubeObject = {
    ...object,
    metadata: {
      name: `runbook-trial-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
    },
  }
  if (object.kind === 'PriorityClass') trial['globalDefault'] = false
  if (object.kind === 'Service' && trial.spec) {
    const { clusterIP, clusterIPs: _ips, healthCheckNodePort: _port, ports, ...spec } = trial.spec
    trial.spec = {
      ...spec,
      ...(clusterIP === 'None' ? { clusterIP } : {}),
      ...(Array.isArray(ports)
        ? { ports: (ports as object[]).map(port => ({ ...port, nodePort: undefined })) }
        : {}),
    }
  }
  return trial
}

/**
 * What becomes of the objects that depend on one that is deleted to be created again: a StatefulSet leaves its pods, which
 * its successor takes over and replaces one by one, and its claims.
 */
export function propagationOf(live: KubeObject): 'Orphan' | 'Background' {
  return live.kind === 'StatefulSet' && groupOf(live.apiVersion) === 'apps' ? 'Orphan' : 'Background'
}

/**
 * The object that takes the place of a live one, with what others rely on and the manifest leaves open: how many replicas
 * an autoscaler had given it, and on which ports of the nodes a Service is reached.
 * @param object as it is applied
 */
export function replacement(object: KubeObject, live: KubeObject): KubeObject {
  if (podTemplate(object) && object.spec?.['replicas'] === undefined) {
    const replicas = live.spec?.['replicas']
    return replicas === undefined ? object : { ...object, spec: { ...object.spec, replicas } }
  }
  const wanted = object.spec?.['ports']
  if (object.kind !== 'Service' || !Array.isArray(wanted) || object.spec?.['type'] !== live.spec?.['type'])
    return object
  const found = (live.spec?.['ports'] ?? []) as ServicePort[]
  const ports = (wanted as ServicePort[]).map(port => {
    const same = found.find(each => each.port === port.port && protocolOf(each) === protocolOf(port))
    return port.nodePort === undefined && same?.nodePort !== undefined
      ? { ...port, nodePort: same.nodePort }
      : port
  })
  return { ...object, spec: { ...object.spec, ports } }
}

interface ServicePort {
  port: number
  protocol?: string
  nodePort?: number
}

function protocolOf({ protocol = 'TCP' }: ServicePort): string {
  return protocol
}
