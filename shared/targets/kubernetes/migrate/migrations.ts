import { toJson } from '../api/json.ts'
import { createHash } from 'node:crypto'
import type { ReleaseId } from '../../../release/ledger.ts'
import { objectsOf } from '../apply/apply.ts'
import { isMigration } from './marks.ts'
import { describe, podTemplate, stamps, type KubeObject, type PodTemplate } from '../manifests/objects.ts'
import type { KubernetesBody } from '../apply/body.ts'
import { prerequisitesOf } from './prerequisites.ts'
import { referencesOf } from '../manifests/render.ts'

/**
 * What a Job of a migration does not say itself: it is tried once (Kubernetes would do it seven times, over ten minutes),
 * and ends in the time that the step has, even when no run waits for it any more.
 */
const triesOnce = 0
/** Of the ConfigMaps and Secrets that are copied for a migration: a Role can name them. */
export const copySuffix = '-migration'

/** One migration of a release, ready to be run. */
export interface Migration {
  job: KubeObject
  /** The same for the same work on the same configuration, whatever the release is called. */
  digest: string
  /** Copies of the configuration that it reads: they are removed when it has ended. */
  copies: KubeObject[]
  /** What else has to be there for it; what is there already belongs to the release that is live, and stays as it is. */
  prerequisites: KubeObject[]
}

/**
 * The migrations of a release in the order of its manifests. They read the configuration of the new release while the
 * old one serves on with its own: so they get copies.
 * @param deadlineMs at most this long may each of them run
 */
export function migrationsOf(
  body: KubernetesBody,
  id: ReleaseId,
  service: string,
  deadlineMs: number,
): Migration[] {
  return body.manifests.filter(isMigration).map(manifest => {
    const [job] = objectsOf({ ...body, manifests: [manifest] }, id, service)
    const template = podTemplate(manifest)
    if (!job || !template) throw new Error(`${describe(manifest)} has no pod template`)
    const read = readBy(template, body)
    const names = new Map(
      read.map(({ kind, metadata }) => [`${kind}/${metadata.name}`, copyName(metadata.name)]),
    )
    const digest = digestOf(manifest)
    const { activeDeadlineSeconds = Infinity, backoffLimit = triesOnce } = (manifest.spec ?? {}) as JobSpec
    return {
      digest,
      copies: copiesOf(read, body, id, service),
      prerequisites: objectsOf(
        { ...body, manifests: prerequisitesOf(template, body.manifests) },
        id,
        service,
      ),
      job: {
        ...job,
        metadata: {
          ...job.metadata,
          labels: { ...job.metadata.labels, [stamps.migration]: 'true' },
          annotations: { ...job.metadata.annotations, [stamps.migrationDigest]: digest },
        },
        spec: {
          ...manifest.spec,
          activeDeadlineSeconds: Math.min(activeDeadlineSeconds, Math.max(1, Math.ceil(deadlineMs / 1_000))),
          backoffLimit,
          template: renamed(template, names),
        },
      },
    }
  })
}

interface JobSpec {
  activeDeadlineSeconds?: number
  backoffLimit?: number
}

/** All that a release may have made: its objects, and the copies that its migrations read. */
export function tracesOf(body: KubernetesBody, id: ReleaseId, service: string): KubeObject[] {
  const copies = body.manifests
    .filter(isMigration)
    .map(podTemplate)
    .filter(template => template !== undefined)
    .flatMap(template => copiesOf(readBy(template, body), body, id, service))
  return [...objectsOf(body, id, service), ...copies]
}

/** The objects of a release that a pod template reads. */
function readBy(template: PodTemplate, { manifests }: KubernetesBody): KubeObject[] {
  const used = referencesOf(template)
  return manifests.filter(({ kind, metadata }) => used.has(`${kind}/${metadata.name}`))
}

function copiesOf(read: KubeObject[], body: KubernetesBody, id: ReleaseId, service: string): KubeObject[] {
  return objectsOf({ ...body, manifests: read }, id, service).map(object => ({
    ...object,
    metadata: { ...object.metadata, name: copyName(object.metadata.name) },
  }))
}

function copyName(name: string): string {
  return `${name}${copySuffix}`
}

function digestOf({ spec }: KubeObject): string {
  return createHash('sha256').update(toJson(spec)).digest('hex').slice(0, 16)
}

/** Where a pod template names a ConfigMap or a Secret, by the field that holds it. */
const referring: Record<string, string> = {
  configMapRef: 'ConfigMap',
  configMapKeyRef: 'ConfigMap',
  configMap: 'ConfigMap',
  secretRef: 'Secret',
  secretKeyRef: 'Secret',
  secret: 'Secret',
}

/** The same template with other names for what it reads. */
function renamed<T>(value: T, names: Map<string, string>, field = ''): T {
  if (Array.isArray(value)) return value.map((item: unknown) => renamed(item, names)) as T
  if (typeof value !== 'object' || value === null) return value
  const kind = referring[field]
  const entries = Object.entries(value).map(([key, each]: [string, unknown]) => {
    const isName = kind !== undefined && (key === 'name' || key === 'secretName')
    return [key, isName ? (names.get(`${kind}/${String(each)}`) ?? each) : renamed(each, names, key)]
  })
  return Object.fromEntries(entries) as T
}
