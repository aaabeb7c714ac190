import type { Vitals } from '../../../release/vitals.ts'
import { inspect } from '../engine/containers.ts'
import { serving } from '../apply/fleet.ts'
import { isBetweenRuns } from '../apply/judge.ts'
import type { Leaving } from '../../target.ts'
import type { Context } from '../engine/context.ts'
import { readStore } from '../state/store.ts'

/** The container that serves; none when there is none. */
export async function readVitals(context: Context): Promise<Vitals[]> {
  const there = serving((await readStore(context)).fleet, context.names)
  const detail = there && (await inspect(context.engine, there.id))
  if (!detail) return []
  const { RestartCount: restarts, State: state } = detail
  const health = state.Health?.Status ?? 'none'
  const running = state.Running && !state.Restarting
  return [
    {
      instance: `container ${there.name}`,
      ready: running && (health === 'none' || health === 'healthy'),
      restarts,
      // Docker forgets it when it starts the container again.
      lastEnd: isBetweenRuns(state) ? `exit code ${state.ExitCode}` : '',
      outOfMemory: state.OOMKilled,
    },
  ]
}

/** As `docker stop` does when the container says nothing else. */
const defaultGraceS = 10

/** Containers of other releases of the service that run beside the one that is live. */
export async function readLeaving({ engine, ...context }: Context): Promise<Leaving> {
  const { fleet } = await readStore({ engine, ...context })
  const live = serving(fleet, context.names)
  const others = fleet.services.filter(({ id, running }) => running && id !== live?.id)
  const details = await Promise.all(others.map(({ id }) => inspect(engine, id)))
  const graces = details.map(detail => detail?.Config.StopTimeout ?? defaultGraceS)
  return {
    instances: others.map(({ name }) => `container ${name}`),
    graceMs: Math.max(0, ...graces) * 1_000,
  }
}
