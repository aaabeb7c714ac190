import { ToolError } from '../../../outcome/errors.ts'
import { inspect, remove, rename, tolerate } from '../engine/containers.ts'
import { belongsTo, label, type Fleet } from './fleet.ts'
import type { Context } from '../engine/context.ts'

/**
 * Gives a container the name that people know, and the one that had it the name of its release.
 *
 * Only a container that was there while the lease was held is renamed. Where another run took the lease over in the meantime, it
 * has made the container that serves anew: that one is unknown here, and the lease is looked at again.
 * @param fleet as of a moment at which the lease was held
 * @param check throws when the lease was lost; else gives the containers as of now
 */
export async function takeName(
  context: Context,
  fleet: Fleet,
  id: string,
  check: () => Promise<Fleet>,
): Promise<void> {
  const { engine, names } = context
  const holder = await inspect(engine, names.serving)
  if (holder?.Id === id) return
  if (holder) {
    const { services } = isIn(fleet, holder.Id) ? fleet : await check()
    const known = services.find(each => each.id === holder.Id)?.release ?? undefined
    await park(context, holder.Id, known ?? holder.Config.Labels?.[label.release])
  }
  await renameEnding(context, id, names.serving)
}

function isIn({ services, foreign }: Fleet, id: string): boolean {
  return [...services, ...(foreign ? [foreign] : [])].some(each => each.id === id)
}

/** Renames a container away: after its release, or after its id when it has none or the name is in use. */
async function park(context: Context, id: string, release: string | undefined): Promise<void> {
  const { engine, environment, names } = context
  const fallback = names.parked(`replaced-${id.slice(0, 8)}`)
  const wanted = release === undefined ? fallback : names.parked(release)
  const other = await inspect(engine, wanted)
  const stale =
    other &&
    !other.State.Running &&
    belongsTo(other.Config.Labels, environment) &&
    other.Config.Labels?.[label.release] === release
  if (stale) await remove(engine, other.Id)
  const name = other && !stale ? fallback : wanted
  // It may have been one that is removed as soon as it ends (`docker run --rm`).
  await tolerate(404, () => renameEnding(context, id, name))
}

/** A container takes a few hundredths of a second to end. */
const [mostTries, betweenMs] = [20, 100]

/**
 * Renames a container that may be ending in this moment: its network is gone then, which Docker would rename with it,
 * and it is not yet known to have ended. Docker leaves the name as it was.
 */
async function renameEnding({ engine, adapters }: Context, id: string, name: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await rename(engine, id, name)
      return
    } catch (error) {
      const ending = error instanceof ToolError && /sandbox \S+ not found/.test(error.message)
      if (!ending || tries === mostTries) throw error
      await adapters.clock.sleep(betweenMs, adapters.signal)
    }
  }
}
