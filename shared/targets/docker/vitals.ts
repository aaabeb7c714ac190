import type { Vitals } from '../../release/vitals.ts'
import { showSize } from '../../runbook/values.ts'
import { inspect, type ContainerDetail } from './containers.ts'
import type { Engine } from './engine.ts'
import { serving } from './fleet.ts'
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
      lastEnd: restarts > 0 || !running ? `exit code ${state.ExitCode}` : '',
      outOfMemory: state.OOMKilled,
      ...(running ? { usage: await usageOf(context.engine, detail) } : {}),
    },
  ]
}

/** `GET /containers/{id}/stats`, of which only the memory is told at once: that of the CPU takes a second sample. */
interface Stats {
  read: string
  memory_stats?: { usage?: number; stats?: { inactive_file?: number; total_inactive_file?: number } }
}

/** Memory as `docker stats` shows it, without what the kernel would give back, of the limit that the container has. */
async function usageOf(
  engine: Engine,
  { Id: id, HostConfig: { Memory: limit } }: ContainerDetail,
): Promise<NonNullable<Vitals['usage']>> {
  if (!limit) return {}
  const { read: at, memory_stats: memory } = await engine.json<Stats>(
    'GET',
    `/containers/${id}/stats?stream=false&one-shot=true`,
  )
  if (memory?.usage === undefined) return {}
  const cache = memory.stats?.inactive_file ?? memory.stats?.total_inactive_file ?? 0
  return { memory: { share: (memory.usage - cache) / limit, of: `limit of ${showSize(limit)}`, at } }
}
