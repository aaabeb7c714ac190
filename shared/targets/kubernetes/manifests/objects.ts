/** One object as the API has it. Only what this suite looks at is typed; everything else passes through untouched. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
  spec?: Record<string, unknown>
  [field: string]: unknown
}

export interface ObjectMeta {
  name: string
  namespace?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: { uid: string; kind: string; name: string; controller?: boolean }[]
  managedFields?: ManagedFields[]
  [field: string]: unknown
}

/** Who set which fields of an object, as server-side apply keeps it. */
export interface ManagedFields {
  manager: string
  operation: 'Apply' | 'Update'
  apiVersion: string
  time?: string
  fieldsType: 'FieldsV1'
  fieldsV1: FieldSet
  subresource?: string
}

/** `f:NAME`, `k:{...}` and `v:...` keys, nested; `.` stands for the node itself. */
export interface FieldSet {
  [key: string]: FieldSet
}

/** A pod template, as far as this suite reads it. */
export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }
  spec: PodSpec
}

export interface PodSpec {
  containers: Container[]
  initContainers?: Container[]
  volumes?: Volume[]
  nodeSelector?: Record<string, string>
  [field: string]: unknown
}

export interface Container {
  name: string
  image: string
  env?: { name: string; valueFrom?: { configMapKeyRef?: Reference; secretKeyRef?: Reference } }[]
  envFrom?: { configMapRef?: Reference; secretRef?: Reference }[]
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> }
  readinessProbe?: Probe
  startupProbe?: Probe
  livenessProbe?: Probe
  restartPolicy?: string
  [field: string]: unknown
}

/** Kubernetes' defaults: period 10 s, timeout 1 s, failure threshold 3, initial delay 0 s. */
export interface Probe {
  initialDelaySeconds?: number
  periodSeconds?: number
  timeoutSeconds?: number
  failureThreshold?: number
  [field: string]: unknown
}

interface Reference {
  name: string
}

interface Volume {
  name: string
  configMap?: Reference
  secret?: { secretName: string }
  projected?: { sources?: { configMap?: Reference; secret?: Reference }[] }
  [field: string]: unknown
}

/** Kinds whose pods this suite follows, with the place of their pod template. */
const templateKinds = new Set([
  'apps/Deployment',
  'apps/StatefulSet',
  'apps/DaemonSet',
  'apps/ReplicaSet',
  'batch/Job',
])

/** The pod template of a workload, or undefined for any other kind. It may be changed in place. */
export function podTemplate(object: KubeObject): PodTemplate | undefined {
  const kind = `${groupOf(object.apiVersion)}/${object.kind}`
  if (templateKinds.has(kind)) return object.spec?.['template'] as PodTemplate | undefined
  if (kind !== 'batch/CronJob') return undefined
  const job = object.spec?.['jobTemplate'] as { spec?: { template?: PodTemplate } } | undefined
  return job?.spec?.template
}

/** Every container of a template that Kubernetes starts. */
export function containersOf(template: PodTemplate): Container[] {
  return [...(template.spec.initContainers ?? []), ...template.spec.containers]
}

/** `apps` of `apps/v1`; the empty string for the core group. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}

/** What makes two descriptions speak of the same object, whatever their version. */
export function keyOf({ apiVersion, kind, metadata }: KubeObject): string {
  return `${groupOf(apiVersion)}/${kind}/${metadata.namespace ?? ''}/${metadata.name}`
}

/** For people: `Deployment production/runbook-api`. */
export function describe({ kind, metadata }: KubeObject): string {
  return metadata.namespace ? `${kind} ${metadata.namespace}/${metadata.name}` : `${kind} ${metadata.name}`
}

/** True when one of the objects is the CustomResourceDefinition that gives an object its kind. */
export function isDefinedBy({ apiVersion, kind }: KubeObject, objects: KubeObject[]): boolean {
  return objects.some(({ kind: definition, spec }) => {
    if (definition !== 'CustomResourceDefinition') return false
    const { group, names } = spec as { group?: string; names?: { kind?: string } }
    return group === groupOf(apiVersion) && names?.kind === kind
  })
}

/** What this suite writes onto the objects that it makes. */
export const stamps = {
  /** Label: the release that applied the object last. */
  release: 'runbook/release',
  /** Label: the service that the object belongs to. */
  service: 'runbook/service',
  /** Label of an object of the cluster: the namespace of the environment that it belongs to. */
  namespace: 'runbook/namespace',
  /** Annotation: the version of that release. */
  version: 'runbook/version',
  /** Annotation of a workload: the image that its release is of. */
  image: 'runbook/image',
  /** Annotation of a workload: names of the containers that have that image, separated by commas. */
  containers: 'runbook/containers',
  /** Annotation: the release that made the object. One that was there before bears none, and is never removed. */
  made: 'runbook/made',
  /** Annotation: the fencing number of the run that took the environment over last. */
  epoch: 'runbook/epoch',
  /** Annotation of a workload that was stopped: how many replicas it had. */
  stopped: 'runbook/stopped',
  /** Annotation that a user writes onto a workload: `true` when it runs on while the service is stopped, like a database. */
  keepRunning: 'runbook/keep-running',
  /** Annotation of a pod template: hash of the configuration that it uses. */
  configHash: 'runbook/config-hash',
  /** Annotation that a user writes onto a Job, and label that this suite adds: it runs before the workload is touched. */
  migration: 'runbook/migration',
  /** Annotation that a user writes: the oldest version that can live with the schema which the release leaves behind. */
  schemaNeeds: 'runbook/schema-needs',
  /** Annotation of a migration's Job: what it does, and with which configuration. */
  migrationDigest: 'runbook/migration-digest',
} as const

/** The field manager under which this suite applies. */
export const fieldManager = 'runbook'
