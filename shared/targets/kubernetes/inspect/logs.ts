import { instancesOf, readPods } from '../rollout/live-pods.ts'
import { podTemplate } from '../manifests/objects.ts'
import { ToolError } from '../../../outcome/errors.ts'
import { findWorkload } from './live.ts'
import { requireNamespace } from '../api/namespace.ts'
import { tooLarge } from '../../../host/within-limit.ts'
import { ApiError } from '../api/api-error.ts'
import type { Place } from '../state/place.ts'

/** Of one pod. */
const mostBytes = 16 * 2 ** 20

/**
 * The end of the log of every pod that runs what is live, each line with its pod, in the order of time where lines say it.
 * @throws ToolError when the namespace, the workload or any pod of it is missing, or a log is too long (`too-large`)
 */
export async function readLogs(place: Place, lines: number): Promise<string> {
  const { client, namespace, workload } = place
  const deployment = await findWorkload(place)
  const container = deployment && podTemplate(deployment)?.spec.containers[0]?.name
  if (!deployment || container === undefined) {
    await requireNamespace({ client, namespace })
    throw nothing(
      `there is no ${workload} in namespace ${namespace}`,
      `See what is there: kubectl get deployments,statefulsets,daemonsets -n ${namespace}.`,
    )
  }
  const pods = await readPods(place, deployment)
  if (pods.raw.size === 0)
    throw nothing(
      `${workload} in namespace ${namespace} has no pods`,
      `See why: kubectl describe ${workload} -n ${namespace}. Scaled to zero, it has none.`,
    )
  const instances = instancesOf(pods)
  const read = instances.length > 0 ? instances : [...pods.pods, ...pods.older]
  const logs = await Promise.all(
    read.map(async ({ metadata: { name } }) => {
      const text = await tail(
        client.text(`/api/v1/namespaces/${namespace}/pods/${name}/log`, {
          container,
          tailLines: String(lines),
          // One more than is shown, so that a log that was cut is seen as such.
          limitBytes: String(mostBytes + 1),
          timestamps: 'true',
        }),
      )
      if (Buffer.byteLength(text) > mostBytes)
        throw tooLarge({
          what: `the log of pod ${name}, its last ${lines} lines,`,
          mostBytes,
          hint: 'Ask for fewer lines; if a few are that long, read them with kubectl logs --limit-bytes.',
        })
      return text
        .split('\n')
        .filter(line => line !== '')
        .map(line => {
          const space = line.indexOf(' ')
          return { at: line.slice(0, space), text: `${name} ${line.slice(space + 1)}` }
        })
    }),
  )
  return logs
    .flat()
    .toSorted((a, b) => (a.at < b.at ? -1 : 1))
    .slice(-lines)
    .map(({ text }) => text)
    .join('\n')
}

function nothing(message: string, hint: string): ToolError {
  return new ToolError(message, { tool: 'Kubernetes API', reason: 'tool-failed', hint })
}

/** A pod whose node does not answer has no log to show. */
async function tail(reading: Promise<string | undefined>): Promise<string> {
  try {
    return (await reading) ?? ''
  } catch (error) {
    if (error instanceof ApiError && error.status >= 500) return ''
    throw error
  }
}
