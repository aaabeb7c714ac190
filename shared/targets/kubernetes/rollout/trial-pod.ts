import { ToolError } from '../../../outcome/errors.ts'
import type { Log } from '../../../host/log.ts'
import { ApiError } from '../api/api-error.ts'
import { surgeOf } from '../inspect/capacity.ts'
import { explain } from './explain.ts'
import { podTemplate, type KubeObject, type PodSpec, type PodTemplate } from '../manifests/objects.ts'
import type { Place } from '../state/place.ts'

/** What a pod refers to and the release may bring along: how the API server says that it is not there. */
const missing: { says: RegExp; kind: string; without: (spec: PodSpec) => PodSpec }[] = [
  {
    says: /serviceaccount "?([^"\s]+)"? not found/,
    kind: 'ServiceAccount',
    without: ({ serviceAccountName: _name, serviceAccount: _old, ...spec }) => spec,
  },
  {
    says: /no PriorityClass with name (\S+) was found/,
    kind: 'PriorityClass',
    without: ({ priorityClassName: _name, ...spec }) => spec,
  },
  {
    says: /RuntimeClass "?([^"\s]+)"? not found/i,
    kind: 'RuntimeClass',
    without: ({ runtimeClassName: _name, ...spec }) => spec,
  },
]

/**
 * Has the API server try one pod of a workload, without making it. Pod Security, LimitRanges, quotas and policies are
 * about pods: a workload that violates them is taken without a word, and then never gets any. An account that may not
 * create pods tries none.
 * @throws ToolError with the reason of the refusal
 */
export async function tryPod(
  { client, namespace, adapters }: Place,
  workload: KubeObject,
  live: KubeObject | undefined,
  objects: KubeObject[],
): Promise<void> {
  const template = podTemplate(workload)
  if (!template) return
  let pod = podOf(workload, template)
  // One more than there are things that may be missing.
  for (let attempts = missing.length; ; attempts--) {
    try {
      await client.create(`/api/v1/namespaces/${namespace}/pods`, pod, {
        dryRun: 'All',
        fieldValidation: 'Ignore',
      })
      return
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      const without = attempts > 0 ? withoutMissing(pod, error, objects) : undefined
      if (!without) {
        judge(error, workload, live, adapters.log)
        return
      }
      pod = without
    }
  }
}

function podOf(workload: KubeObject, { metadata = {}, spec }: PodTemplate): KubeObject & { spec: PodSpec } {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name: `${workload.metadata.name.slice(0, 200)}-trial` },
    spec,
  }
}

function withoutMissing(
  pod: KubeObject & { spec: PodSpec },
  error: ApiError,
  objects: KubeObject[],
): (KubeObject & { spec: PodSpec }) | undefined {
  for (const { says, kind, without } of missing) {
    const name = says.exec(error.message)?.[1]
    const comes = objects.some(
      each => each.kind === kind && each.metadata.name === name?.replace(/^.*\//, ''),
    )
    if (comes) return { ...pod, spec: without(pod.spec) }
  }
  return undefined
}

/** Which refusals of a trial mean that the workload would get no pods. */
function judge(error: ApiError, workload: KubeObject, live: KubeObject | undefined, log: Log): void {
  const why = explain(error, workload)
  const { reason } = why instanceof ToolError ? why : {}
  const counts =
    reason === 'admission-refused' ||
    (reason === 'quota-exceeded' && (!error.message.includes('exceeded quota') || needsRoom(workload, live)))
  if (counts) throw why
  // Whatever else it is (no right to create pods, a webhook that takes no dry runs), the rollout itself will tell.
  log.debug(`A pod of ${workload.metadata.name} could not be tried: ${error.message}`)
}

/** False when the rollout may end an old pod before it makes a new one: then a full quota is no obstacle. */
function needsRoom(workload: KubeObject, live: KubeObject | undefined): boolean {
  if (!live) return true
  if (workload.kind !== 'Deployment') return false
  const replicas = Number(live.spec?.['replicas'] ?? 1)
  return surgeOf(workload, replicas) > 0 && mayLack(workload, replicas) === 0
}

/** Pods that a rolling update may end before their successors are ready; Kubernetes rounds it down. */
function mayLack({ spec }: KubeObject, replicas: number): number {
  const { rollingUpdate } = (spec?.['strategy'] ?? {}) as {
    rollingUpdate?: { maxUnavailable?: number | string }
  }
  const said = rollingUpdate?.maxUnavailable ?? '25%'
  if (typeof said === 'number') return said
  return said.endsWith('%') ? Math.floor((Number(said.slice(0, -1)) / 100) * replicas) : Number(said)
}
