import type { Vitals } from '../../release/vitals.ts'
import { inspect } from './containers.ts'
import { serving } from './fleet.ts'
import { isBetweenRuns } from './judge.ts'
import { readStore, type Context } from './store.ts'

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
