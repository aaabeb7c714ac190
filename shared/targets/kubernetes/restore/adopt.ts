import { InputError } from '../../../outcome/errors.ts'
import type { Payload } from '../../target.ts'
import { permitted } from '../api/api-error.ts'
import { isJob, scaledWorkloads } from '../apply/apply.ts'
import { isBeingDeleted } from '../apply/deletion.ts'
import { readListed } from '../manifests/listed.ts'
import { versionOf, workloadPath } from '../inspect/live.ts'
import { keyOf, podTemplate, type KubeObject, type PodTemplate } from '../manifests/objects.ts'
import { inOrder } from '../manifests/order.ts'
import { inPool } from '../api/pool.ts'
import { payloadOf } from '../apply/body.ts'
import { referencesOf, scales } from '../manifests/render.ts'
import type { Place } from '../state/place.ts'

/**
 * What another tool had deployed: the workload, all in the namespace that belongs to it, and all that the first release is
 * about to change, as it is now. It becomes release `r0`, so that the first release can be rolled back too.
 * @param next the objects of that release
 */
export async function adoptLive(
  place: Place,
  next: KubeObject[],
): Promise<{ version: string; image: string; payload: Payload } | undefined> {
  const { client, namespace, workload } = place
  const deployment = await client.get(workloadPath(namespace, workload))
  const template = deployment && podTemplate(deployment)
  if (!template) return undefined
  const [references, companions, changing, scaled] = await Promise.all([
    readReferences(place, template),
    readCompanions(place, deployment, template),
    readLive(place, next),
    scaledWorkloads(client, namespace),
  ])
  const found = new Map(
    [...references, deployment, ...companions, ...changing].map(each => [keyOf(each), each]),
  )
  // What a controller makes, like the autoscaler of a ScaledObject, it makes again; and what is going is not there.
  const lasting = [...found.values()].filter(each => !isControlled(each) && !isBeingDeleted(each))
  const manifests = inOrder(lasting.map(object => recordable(object, scaled)))
  const image = await servedImage(place, deployment, template)
  const version = versionOf(template.spec.containers[0]?.image ?? '')
  const named = template.spec.containers[0]?.image ?? ''
  return { version, image, payload: payloadOf({ version, image: named, workload, manifests }) }
}

/** An object as it could be applied again: without what the cluster itself writes. */
function recordable(object: KubeObject, scaled: Set<string>): KubeObject {
  const { metadata, status: _status, ...rest } = object
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(
      ([key]) =>
        key !== 'kubectl.kubernetes.io/last-applied-configuration' &&
        key !== 'deployment.kubernetes.io/revision' &&
        key !== 'deprecated.daemonset.template.generation' &&
        !key.startsWith('runbook/'),
    ),
  )
  const { name, namespace, labels } = metadata
  const recorded: KubeObject = {
    ...rest,
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: {
      name,
      ...(namespace ? { namespace } : {}),
      ...(labels ? { labels } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
  }
  if (scaled.has(keyOf(object)) && recorded.spec) {
    const { replicas: _replicas, ...spec } = recorded.spec
    recorded.spec = spec
  }
  return recorded
}

async function readReferences({ client, namespace }: Place, template: PodTemplate): Promise<KubeObject[]> {
  const account = template.spec['serviceAccountName']
  const names = [...referencesOf(template)]
  if (typeof account === 'string' && account !== 'default') names.push(`ServiceAccount/${account}`)
  const found = await Promise.all(
    names.map(async reference => {
      const [kind = '', name = ''] = reference.split('/')
      const plural = `${kind.toLowerCase()}s`
      const object = await permitted(client.get(`/api/v1/namespaces/${namespace}/${plural}/${name}`))
      return object && { ...object, apiVersion: 'v1', kind }
    }),
  )
  return found.filter(object => object !== undefined)
}

/** Those of a release's objects that are there already. A Job is made anew for each release. */
async function readLive(place: Place, objects: KubeObject[]): Promise<KubeObject[]> {
  const lasting = objects.filter(object => !isJob(object))
  const known = await readListed(place, lasting)
  const found = await inPool(lasting, readers, async object => {
    // A kind that comes with the release has no objects yet.
    const path = await place.paths.of(object).catch((error: unknown) => {
      if (error instanceof InputError) return undefined
      throw error
    })
    if (path === undefined) return undefined
    const live = known.has(object) ? known.get(object) : await place.client.get(path)
    const { apiVersion, kind } = object
    return live && { ...live, apiVersion, kind }
  })
  return found.flatMap(result => {
    if (result.status === 'rejected') throw result.reason
    return result.value ?? []
  })
}

/** Objects that are read side by side. */
const readers = 16

function isControlled({ metadata }: KubeObject): boolean {
  return (metadata.ownerReferences ?? []).some(({ controller }) => controller === true)
}

/** Services that lead to the workload's pods, and the scalers and disruption budgets that are about it. */
async function readCompanions(
  { client, namespace }: Place,
  deployment: KubeObject,
  template: PodTemplate,
): Promise<KubeObject[]> {
  const labels = template.metadata?.labels ?? {}
  const matches = (selector: Record<string, string> | undefined) =>
    selector !== undefined &&
    Object.keys(selector).length > 0 &&
    Object.entries(selector).every(([key, value]) => labels[key] === value)
  const kinds: [string, string, string, (object: KubeObject) => boolean][] = [
    [
      'v1',
      'Service',
      `/api/v1/namespaces/${namespace}/services`,
      ({ spec }) => matches(spec?.['selector'] as Record<string, string> | undefined),
    ],
    [
      'autoscaling/v2',
      'HorizontalPodAutoscaler',
      `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers`,
      object => scales(object, deployment),
    ],
    [
      'policy/v1',
      'PodDisruptionBudget',
      `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`,
      ({ spec }) =>
        matches((spec?.['selector'] as { matchLabels?: Record<string, string> } | undefined)?.matchLabels),
    ],
  ]
  const found = await Promise.all(
    kinds.map(async ([apiVersion, kind, path, belongs]) => {
      const list = await permitted(client.list(path))
      // Items of a list carry no kind of their own.
      return (list?.items ?? []).map(item => ({ ...item, apiVersion, kind })).filter(belongs)
    }),
  )
  return found.flat()
}

/** The image by digest, as a running pod says; the tag may be another image by tomorrow. */
async function servedImage(
  { client, namespace }: Place,
  deployment: KubeObject,
  template: PodTemplate,
): Promise<string> {
  const [first] = template.spec.containers
  if (!first || first.image.includes('@')) return first?.image ?? ''
  const selector =
    (deployment.spec?.['selector'] as { matchLabels?: Record<string, string> }).matchLabels ?? {}
  const list = await permitted(
    client.list(`/api/v1/namespaces/${namespace}/pods`, {
      labelSelector: Object.entries(selector)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
    }),
  )
  for (const { status } of list?.items ?? []) {
    const { containerStatuses = [] } = (status ?? {}) as {
      containerStatuses?: { name: string; image: string; imageID: string }[]
    }
    const running = containerStatuses.find(each => each.name === first.name)
    const digest = /@(sha256:[0-9a-f]{64})$/.exec(running?.imageID ?? '')?.[1]
    if (digest) return `${first.image.replace(/:[^:/]+$/, '')}@${digest}`
  }
  return first.image
}
