import type { Belongings } from './belongings.ts'
import { podTemplate } from '../manifests/objects.ts'
import { isEnding, lastedMs, type ContainerStatus } from '../rollout/pods.ts'

/** Without a readiness probe nothing says that a process works but that it goes on. */
const unprobedMs = 3_000
/** A container that has ended once soon after its start may do it again, ready or not. */
const restartedMs = 10_000
const longestMs = 60_000

/**
 * How much longer the pods of a rollout that its controller calls done have to stay up, milliseconds: 0 or less when what
 * they showed is enough. It is enough at once where readiness is probed, or minReadySeconds given, and nothing ended.
 * @param sinceOf when something was noted first, on the clock of the last argument
 */
export function steadyLeftMs(
  { workload, pods }: Pick<Belongings, 'workload' | 'pods'>,
  sinceOf: (key: string) => number,
  now: number,
): number {
  const template = workload && podTemplate(workload)
  if (!template || workload.kind === 'Job') return 0
  const waits = Number(workload.spec?.['minReadySeconds'] ?? 0) > 0
  const probed = new Set(
    template.spec.containers.filter(({ readinessProbe }) => readinessProbe).map(({ name }) => name),
  )
  const left = pods
    .filter(pod => !isEnding(pod))
    .flatMap(({ metadata: { uid }, status }) =>
      (status?.containerStatuses ?? []).map(each => {
        const needed =
          each.restartCount > 0 ? afterRestartMs(each) : waits || probed.has(each.name) ? 0 : unprobedMs
        return needed === 0 ? 0 : sinceOf(`up/${uid}/${each.name}/${each.restartCount}`) + needed - now
      }),
    )
  return Math.max(0, ...left)
}

/** Some time more than the run before lasted; an end long after the start was no trouble of the start. */
function afterRestartMs({ lastState }: ContainerStatus): number {
  const lasted = lastedMs(lastState?.terminated)
  if (!Number.isFinite(lasted)) return restartedMs
  return lasted > longestMs ? 0 : Math.max(restartedMs, 1.5 * lasted)
}
