import { createHash } from 'node:crypto'
import { InputError } from '../../../outcome/errors.ts'
import type { Environment } from '../../../config/environment.ts'
import type { KubernetesSpec } from '../../../config/schema/schema.ts'
import type { Adapters } from '../../adapters.ts'
import type { Payload, ReleaseRequest } from '../../target.ts'
import { payloadOf, type KubernetesBody } from '../apply/body.ts'
import { buildKustomization, kustomizationAt } from './kustomize.ts'
import { readDocuments, type ManifestDocument } from './documents.ts'
import { refuseOwnRecords } from './generated.ts'
import { toJson } from '../api/json.ts'
import { listLikeKinds, type KindOf } from './lists.ts'
import { objectsIn, readFolder, type Manifests } from './manifests.ts'
import { checkMarks } from '../migrate/marks.ts'
import {
  containersOf,
  describe,
  groupOf,
  podTemplate,
  stamps,
  type KubeObject,
  type PodTemplate,
} from './objects.ts'
import { inOrder } from './order.ts'
import { pinImage } from '../apply/released-image.ts'
import type { Paths } from '../api/resources.ts'
import { placeInScope } from '../api/scope.ts'
import type { Place } from '../state/place.ts'

/** Makes the exact manifests of a release out of those in the repository. */
export async function render(
  { adapters, paths }: Pick<Place, 'adapters' | 'paths'>,
  environment: Environment,
  spec: KubernetesSpec,
  request: ReleaseRequest,
): Promise<Payload> {
  const { objects, notices } = await readManifests({ adapters, paths }, environment.root, spec)
  for (const notice of notices) adapters.log.warn(notice)
  await placeInScope(objects, paths, spec.namespace)
  return payloadOf(renderObjects(objects, environment.service, spec, request))
}

/** The objects of the runbook's manifests as the repository has them. @throws InputError with file:line */
export async function readManifests(
  { adapters, paths }: Pick<Place, 'adapters' | 'paths'>,
  root: string,
  spec: Pick<KubernetesSpec, 'manifests' | 'namespace'>,
): Promise<Manifests> {
  const documents = await readSources(adapters, root, spec.manifests)
  const listLike = await existingKinds(listLikeKinds(documents), paths)
  return objectsIn(spec.manifests, documents, spec.namespace, listLike)
}

async function readSources(adapters: Adapters, root: string, manifests: string): Promise<ManifestDocument[]> {
  const kustomization = kustomizationAt(root, manifests)
  if (kustomization === undefined) return readFolder(root, manifests)
  return readDocuments(`${kustomization} (built)`, await buildKustomization(adapters, root, kustomization))
}

/** Those of some kinds that the cluster has objects of. */
async function existingKinds(kinds: KindOf[], paths: Paths): Promise<KindOf[]> {
  const found = await Promise.all(
    kinds.map(({ apiVersion, kind }) =>
      paths.resource(apiVersion, kind).then(
        () => true,
        (error: unknown) => {
          if (error instanceof InputError) return false
          throw error
        },
      ),
    ),
  )
  return kinds.filter((_kind, index) => found[index])
}

/** @param read manifests as they were read; they are not changed */
export function renderObjects(
  read: KubeObject[],
  service: string,
  spec: Pick<KubernetesSpec, 'namespace' | 'workload' | 'secret' | 'manifests'>,
  { version, image, config }: ReleaseRequest,
): KubernetesBody {
  const objects = structuredClone(read)
  checkMarks(objects, spec.manifests)
  refuseOwnRecords(objects, service)
  const [kind, name] = spec.workload.split('/')
  if (!objects.some(each => each.kind.toLowerCase() === kind && each.metadata.name === name)) {
    throw InputError.of('manifests', spec.manifests, `manifests that have the workload ${spec.workload}`)
  }
  const templates = objects.map(podTemplate).filter(template => template !== undefined)
  pinImage(templates.flatMap(containersOf), image, spec.manifests)
  if (Object.keys(config).length > 0) {
    const secret = environmentSecret(spec.secret ?? `${service}-env`, spec.namespace, config)
    if (objects.some(each => each.kind === 'Secret' && each.metadata.name === secret.metadata.name)) {
      throw new InputError(
        `manifests: ${describe(secret)} is in ${spec.manifests} and made from the env-file too`,
        {
          hint: `Remove it from the manifests, or set target.secret in the runbook to another name.`,
        },
      )
    }
    objects.push(secret)
  }
  objects.forEach(encodeStringData)
  leaveReplicasToScalers(objects)
  for (const object of objects) {
    const template = podTemplate(object)
    if (template) stampConfigHash(template, objects)
  }
  return { version, image, workload: spec.workload, manifests: inOrder(objects) }
}

function environmentSecret(name: string, namespace: string, config: Record<string, string>): KubeObject {
  const data = Object.entries(config).map(([key, value]) => [key, Buffer.from(value).toString('base64')])
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    type: 'Opaque',
    data: Object.fromEntries(data) as Record<string, string>,
  }
}

/** Server-side apply forgets which keys came from `stringData`, so that a removed one would stay: `data` says the same. */
function encodeStringData(object: KubeObject): void {
  if (object.kind !== 'Secret' || groupOf(object.apiVersion) !== '' || !object['stringData']) return
  const plain = Object.entries(object['stringData'] as Record<string, string>)
  const encoded = plain.map(([key, value]) => [key, Buffer.from(value).toString('base64')])
  object['data'] = { ...(object['data'] ?? {}), ...Object.fromEntries(encoded) }
  delete object['stringData']
}

/** A workload that an autoscaler scales does not say how many replicas it has. */
function leaveReplicasToScalers(objects: KubeObject[]): void {
  for (const scaler of objects) {
    const workload = objects.find(each => scales(scaler, each))
    if (workload?.spec) delete workload.spec['replicas']
  }
}

/** A workload as an autoscaler names it. */
export interface ScaleTarget {
  apiVersion: string
  kind: string
  name: string
}

/**
 * What an autoscaler scales; undefined for any other object. A HorizontalPodAutoscaler of any version, KEDA's ScaledObject
 * and other custom autoscalers name it in `spec.scaleTargetRef`; without apiVersion and kind it is a Deployment.
 */
export function scaledBy({ spec }: KubeObject): ScaleTarget | undefined {
  const target = (spec?.['scaleTargetRef'] ?? undefined) as Partial<ScaleTarget> | undefined
  if (typeof target?.name !== 'string') return undefined
  return { apiVersion: target.apiVersion ?? 'apps/v1', kind: target.kind ?? 'Deployment', name: target.name }
}

/** Whether an object is an autoscaler of this very workload: a StatefulSet may be called as a Deployment is. */
export function scales(scaler: KubeObject, { apiVersion, kind, metadata }: KubeObject): boolean {
  const target = scaledBy(scaler)
  if (target?.name !== metadata.name) return false
  return target.kind === kind && groupOf(target.apiVersion) === groupOf(apiVersion)
}

/**
 * Kubernetes restarts nothing when only a ConfigMap or Secret changes. The hash of what the pods use, on the template,
 * makes such a release roll, and leaves one that changes nothing alone.
 */
function stampConfigHash(template: PodTemplate, objects: KubeObject[]): void {
  const used = referencesOf(template)
  const content = objects
    .filter(({ kind, metadata }) => used.has(`${kind}/${metadata.name}`))
    .map(({ kind, metadata, data, binaryData }) => [`${kind}/${metadata.name}`, sorted({ data, binaryData })])
    .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))
  if (content.length === 0) return
  const hash = createHash('sha256').update(toJson(content)).digest('hex').slice(0, 16)
  template.metadata = {
    ...template.metadata,
    annotations: { ...template.metadata?.annotations, [stamps.configHash]: hash },
  }
}

/** `ConfigMap/NAME` and `Secret/NAME` of everything that a template's pods read. */
export function referencesOf({ spec }: PodTemplate): Set<string> {
  const found = new Set<string>()
  const note = (kind: string, name: string | undefined) => {
    if (name !== undefined) found.add(`${kind}/${name}`)
  }
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      note('ConfigMap', configMapRef?.name)
      note('Secret', secretRef?.name)
    }
    for (const { valueFrom } of container.env ?? []) {
      note('ConfigMap', valueFrom?.configMapKeyRef?.name)
      note('Secret', valueFrom?.secretKeyRef?.name)
    }
  }
  for (const { configMap, secret, projected } of spec.volumes ?? []) {
    note('ConfigMap', configMap?.name)
    note('Secret', secret?.secretName)
    for (const source of projected?.sources ?? []) {
      note('ConfigMap', source.configMap?.name)
      note('Secret', source.secret?.name)
    }
  }
  return found
}

/** The same value with the keys of its objects in order, so that its text depends on its content alone. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  )
}
