import { toJson } from '../api/json.ts'
import { z } from 'zod'
import { InputError, quote } from '../../../outcome/errors.ts'
import { groupOf, type KubeObject } from './objects.ts'

/**
 * What this suite reads of manifests: only that has to have its shape before the API server is asked, which knows the
 * rest. As there, null is as good as nothing.
 */
const text = z.string({ error: 'text; put it in quotes' })
const list = <T extends z.ZodType>(item: T) => z.array(item, { error: 'a list' })
const map = <T extends z.ZodRawShape>(shape: T) => z.looseObject(shape, { error: 'a map' })
const entries = z.record(z.string(), text.nullish(), { error: 'a map of text' })
/** This suite's own annotations say something: none of them is empty. */
const annotations = entries.superRefine((all, context) => {
  for (const [key, value] of Object.entries(all))
    if (key.startsWith('runbook/') && typeof value !== 'string')
      context.addIssue({ code: 'custom', message: 'text; put it in quotes', path: [key] })
})
const metadata = map({ labels: entries.nullish(), annotations: annotations.nullish() })

const reference = map({ name: text.nullish() }).nullish()
const amounts = z.record(
  z.string(),
  z.union([z.string(), z.number()], { error: 'an amount, like 100m or 128Mi' }),
  {
    error: 'a map',
  },
)
const container = map({
  name: z.string({ error: 'a name' }),
  image: z.string({ error: 'an image, like registry.example.com/team/name:tag' }),
  command: list(text).nullish(),
  args: list(text).nullish(),
  env: list(
    map({
      name: z.string({ error: 'the name of a variable' }),
      value: text.nullish(),
      valueFrom: map({ configMapKeyRef: reference, secretKeyRef: reference }).nullish(),
    }),
  ).nullish(),
  envFrom: list(map({ configMapRef: reference, secretRef: reference })).nullish(),
  resources: map({ requests: amounts.nullish(), limits: amounts.nullish() }).nullish(),
})
const template = map({
  metadata: metadata.nullish(),
  spec: map({
    containers: z.array(container, { error: 'a list of containers' }),
    initContainers: list(container).nullish(),
    nodeSelector: entries.nullish(),
    volumes: list(
      map({
        configMap: reference,
        secret: map({ secretName: text.nullish() }).nullish(),
        projected: map({
          sources: list(map({ configMap: reference, secret: reference })).nullish(),
        }).nullish(),
      }),
    ).nullish(),
  }),
})
const workload = map({ spec: map({ template: template.optional() }).nullish() })

const shapes = new Map<string, z.ZodType>(
  Object.entries({
    'apps/Deployment': workload,
    'apps/StatefulSet': workload,
    'apps/DaemonSet': workload,
    'apps/ReplicaSet': workload,
    'batch/Job': workload,
    'batch/CronJob': map({ spec: map({ jobTemplate: workload.nullish() }).nullish() }),
    '/Secret': map({
      data: entries.nullish(),
      stringData: z.record(z.string(), text, { error: 'a map of text' }).nullish(),
    }),
    '/ConfigMap': map({ data: entries.nullish(), binaryData: entries.nullish() }),
    'autoscaling/HorizontalPodAutoscaler': map({
      spec: map({
        scaleTargetRef: map({
          kind: z.string({ error: 'a kind' }),
          name: z.string({ error: 'a name' }),
        }).nullish(),
      }).nullish(),
    }),
    'apiextensions.k8s.io/CustomResourceDefinition': map({
      spec: map({ group: text, names: map({ kind: text }) }),
    }),
  }),
)

/**
 * Refuses an object whose parts are not what its kind has there.
 * @param where the place of a path in its file, `file:line`
 * @throws InputError
 */
export function checkShape(object: KubeObject, where: (path: (string | number)[]) => string): void {
  const shape = shapes.get(`${groupOf(object.apiVersion)}/${object.kind}`)
  const [first] = [map({ metadata }), ...(shape ? [shape] : [])].flatMap(
    each => each.safeParse(object).error?.issues ?? [],
  )
  if (!first) return
  const path = first.path.map(key => (typeof key === 'number' ? key : String(key)))
  const name = `${where(path)} ${dotted(path)} of ${object.kind} ${object.metadata.name}`
  const found = valueAt(object, path)
  const secret = object.kind === 'Secret' || path.includes('env')
  throw new InputError(`${name} ${said(found, secret)}; accepted: ${first.message}`, {
    hint: `Write ${first.message.replace('; put it', ',')} there.`,
  })
}

function valueAt(value: unknown, path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (within, key) => (within as Record<string | number, unknown> | null)?.[key],
    value,
  )
}

/** A value that may be a secret is told by its type alone. */
function said(value: unknown, secret: boolean): string {
  if (value === undefined) return 'is missing'
  if (value === null) return 'is null'
  const type = Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'a map' : `a ${typeof value}`
  return secret || typeof value === 'object'
    ? `is ${type}`
    : `is ${type}, ${quote(typeof value === 'string' ? value : toJson(value))}`
}

/** `spec.template.spec.containers[0].image` */
export function dotted(path: (string | number)[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : index === 0 ? key : `.${key}`))
    .join('')
}
