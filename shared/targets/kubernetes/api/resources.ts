import { InputError } from '../../../outcome/errors.ts'
import { groupOf, type KubeObject } from '../manifests/objects.ts'

/** Where the API keeps the objects of one kind. */
export interface Resource {
  plural: string
  namespaced: boolean
}

/** The kinds that need no question to the API: all of them have been stable since Kubernetes 1.25. */
const known: Record<string, Record<string, string>> = {
  '': {
    ConfigMap: 'configmaps',
    Event: 'events',
    LimitRange: 'limitranges',
    PersistentVolumeClaim: 'persistentvolumeclaims',
    Pod: 'pods',
    ResourceQuota: 'resourcequotas',
    Secret: 'secrets',
    Service: 'services',
    ServiceAccount: 'serviceaccounts',
  },
  apps: {
    DaemonSet: 'daemonsets',
    Deployment: 'deployments',
    ReplicaSet: 'replicasets',
    StatefulSet: 'statefulsets',
  },
  autoscaling: { HorizontalPodAutoscaler: 'horizontalpodautoscalers' },
  batch: { CronJob: 'cronjobs', Job: 'jobs' },
  'coordination.k8s.io': { Lease: 'leases' },
  'networking.k8s.io': { Ingress: 'ingresses', NetworkPolicy: 'networkpolicies' },
  policy: { PodDisruptionBudget: 'poddisruptionbudgets' },
  'rbac.authorization.k8s.io': { Role: 'roles', RoleBinding: 'rolebindings' },
}

const knownOfCluster: Record<string, Record<string, string>> = {
  '': { Namespace: 'namespaces', Node: 'nodes', PersistentVolume: 'persistentvolumes' },
  'apiextensions.k8s.io': { CustomResourceDefinition: 'customresourcedefinitions' },
  'networking.k8s.io': { IngressClass: 'ingressclasses' },
  'rbac.authorization.k8s.io': { ClusterRole: 'clusterroles', ClusterRoleBinding: 'clusterrolebindings' },
  'scheduling.k8s.io': { PriorityClass: 'priorityclasses' },
  'storage.k8s.io': { StorageClass: 'storageclasses' },
}

/** The resource of a built-in kind; undefined for one that only the API knows. */
export function builtIn(apiVersion: string, kind: string): Resource | undefined {
  const group = groupOf(apiVersion)
  const plural = pluralIn(known, group, kind)
  if (plural !== undefined) return { plural, namespaced: true }
  const ofCluster = pluralIn(knownOfCluster, group, kind)
  return ofCluster === undefined ? undefined : { plural: ofCluster, namespaced: false }
}

/** Groups and kinds are names from outside: `constructor` is none of these. */
function pluralIn(kinds: typeof known, group: string, kind: string): string | undefined {
  const ofGroup = Object.hasOwn(kinds, group) ? kinds[group] : undefined
  return ofGroup && Object.hasOwn(ofGroup, kind) ? ofGroup[kind] : undefined
}

/** `/apis/apps/v1` or `/api/v1`. */
function groupPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
}

/** `/apis/apps/v1/namespaces/production/deployments`, or without the namespace for kinds of the cluster. */
export function collectionPath(apiVersion: string, resource: Resource, namespace: string): string {
  const within = resource.namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `${groupPath(apiVersion)}${within}/${resource.plural}`
}

/** Paths of objects. Asks the API once for every group that it does not know itself. */
export interface Paths {
  resource(apiVersion: string, kind: string): Promise<Resource>
  of(object: KubeObject): Promise<string>
}

/**
 * @param discover gives the answer to GET of a group's path: its resources, or undefined when there is no such group
 */
export function createPaths(
  namespace: string,
  discover: (path: string) => Promise<object | undefined>,
): Paths {
  const asked = new Map<string, Promise<object | undefined>>()
  const resource = async (apiVersion: string, kind: string): Promise<Resource> => {
    const familiar = builtIn(apiVersion, kind)
    if (familiar) return familiar
    const path = groupPath(apiVersion)
    const answer = asked.get(path) ?? discover(path)
    asked.set(path, answer)
    const { resources = [] } = ((await answer) ?? {}) as { resources?: DiscoveredResource[] }
    const found = resources.find(each => each.kind === kind && !each.name.includes('/'))
    if (!found) {
      asked.delete(path)
      throw new InputError(`manifests: the cluster has no kind ${kind} of ${apiVersion}`, {
        hint: `Install its CustomResourceDefinition first, or correct apiVersion and kind.`,
      })
    }
    return { plural: found.name, namespaced: found.namespaced }
  }
  return {
    resource,
    async of({ apiVersion, kind, metadata }) {
      const collection = collectionPath(
        apiVersion,
        await resource(apiVersion, kind),
        metadata.namespace ?? namespace,
      )
      return `${collection}/${encodeURIComponent(metadata.name)}`
    },
  }
}

interface DiscoveredResource {
  name: string
  kind: string
  namespaced: boolean
}
