import { inspect, remove, rename, tolerate } from './containers.ts'
import { label, type Fleet } from './fleet.ts'
import type { Context } from './store.ts'

/** Gives a container the name that people know, and the one that had it the name of its release. */
export async function takeName(context: Context, { services }: Fleet, id: string): Promise<void> {
  const { engine, names } = context
  const holder = await inspect(engine, names.serving)
  if (holder?.Id === id) return
  if (holder) {
    const known = services.find(each => each.id === holder.Id)?.release ?? undefined
    await park(context, holder.Id, known ?? holder.Config.Labels?.[label.release])
  }
  await rename(engine, id, names.serving)
}

/** Renames a container away: after its release, or after its id when it has none or the name is in use. */
async function park(context: Context, id: string, release: string | undefined): Promise<void> {
  const { engine, names } = context
  const fallback = names.parked(`replaced-${id.slice(0, 8)}`)
  const wanted = release === undefined ? fallback : names.parked(release)
  const other = await inspect(engine, wanted)
  const stale = other && !other.State.Running && other.Config.Labels?.[label.release] === release
  if (stale) await remove(engine, other.Id)
  const name = other && !stale ? fallback : wanted
  // It may have been one that is removed as soon as it ends (`docker run --rm`).
  await tolerate(404, () => rename(engine, id, name))
}
