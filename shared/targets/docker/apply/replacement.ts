import { inspect, type CreateBody } from '../engine/containers.ts'
import type { Fleet } from './fleet.ts'
import { mountPath, mountsOf, sharedForWriting, type MountSpec } from '../mounts/mounts.ts'
import type { Context } from '../engine/context.ts'

/** How a release takes the place of the previous one. */
export type Replacement =
  /** A candidate starts beside the previous container, without its ports, and proves itself first. */
  | { kind: 'candidate' }
  /** The previous container ends before the new one starts; `why` completes "since ...". */
  | { kind: 'stop-first'; why: string }

/**
 * Decides whether a candidate may run beside the previous container. It may not where both would need what only one can
 * have: the ports of a shared network, or files that one writes while the other has them open.
 * @param running mounts of the containers that run
 * @param shared container paths that the runbook says two releases may write to at once
 */
export function chooseReplacement(
  { HostConfig: host }: Pick<CreateBody, 'HostConfig'>,
  running: MountSpec[],
  shared: string[],
): Replacement {
  if (host?.NetworkMode === 'host')
    return { kind: 'stop-first', why: 'both listen on the network of the host, where a port can be had once' }
  const allowed = new Set(shared.map(mountPath))
  const [first] = sharedForWriting(mountsOf({ HostConfig: host ?? {} }), running).filter(
    ({ path }) => !allowed.has(path),
  )
  if (first) return { kind: 'stop-first', why: `both would write to ${first.source} at ${first.path}` }
  return { kind: 'candidate' }
}

/** The replacement of what runs now; undefined when nothing does. */
export async function replacementFor(
  { engine, spec }: Context,
  { services, foreign }: Fleet,
  body: CreateBody,
): Promise<Replacement | undefined> {
  const running = [...services, ...(foreign ? [foreign] : [])].filter(each => each.running)
  if (running.length === 0) return undefined
  const details = await Promise.all(running.map(({ id }) => inspect(engine, id)))
  const mounts = details.filter(each => each !== undefined).flatMap(each => mountsOf(each))
  return chooseReplacement(body, mounts, spec['shared-volumes'] ?? [])
}
