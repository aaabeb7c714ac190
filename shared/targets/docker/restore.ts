import type { ReleaseId } from '../../release/ledger.ts'
import type { Change } from '../target.ts'
import { remove, setRestartPolicy, start, type ContainerDetail } from './containers.ts'
import type { Fleet, Member } from './fleet.ts'
import { createService, keepStopped, runningIn, stopAll } from './handover.ts'
import { ensureImage } from './images.ts'
import { takeName } from './names.ts'
import type { Identity } from './payload.ts'
import type { Context } from './store.ts'

export interface Restoration {
  identity: Identity
  /** Releases whose containers stay, stopped, for a later way back. */
  keep: Set<ReleaseId>
  /**
   * A former holder of the lease may still be about to stop or rename the good container: it is made anew, so that
   * whatever comes late meets an id that is gone.
   */
  fence: boolean
}

/**
 * Brings the container of a good release back to serve, exactly as it was, and removes every container of a release that
 * is not kept. It can be cut off anywhere and done again.
 */
export async function restoreContainers(
  context: Context,
  fleet: Fleet,
  { identity, keep, fence }: Restoration,
): Promise<Change[]> {
  const { engine, names } = context
  const { entry, payload } = identity.record
  const good = newest(fleet.services.filter(each => each.release === entry.id))
  const others = fleet.services.filter(each => each !== good)
  // One that was created to take over is a sign that the good one may have been told to end already.
  const disturbed = others.some(each => !keep.has(each.release ?? 'r0') || each.running)
  const subject = `container ${names.serving}`
  if (good?.running && good.name === names.serving && !disturbed && !fence && !fleet.foreign) {
    await removeAll(context, fleet.trials)
    return [{ object: subject, action: 'none' }, ...deleted(context, fleet.trials)]
  }

  const serves = fence || !good ? await make(context, identity) : good.id
  const stopped = await stopAll(context, runningIn(fleet))
  await start(engine, serves)
  await takeName(context, fleet, serves)
  await setRestartPolicy(engine, serves, payload.body.create.HostConfig?.RestartPolicy)
  const gone = [...others, ...(good && good.id !== serves ? [good] : []), ...fleet.trials].filter(
    each => each.release === entry.id || !keep.has(each.release ?? 'r0') || fleet.trials.includes(each),
  )
  await removeAll(context, gone)
  await keepStopped(context, stillThere(stopped, [serves, ...gone.map(each => each.id)]))
  const diff = `image: ${entry.image}\nversion: ${entry.version}`
  return [{ object: subject, action: 'update', diff }, ...deleted(context, gone)]
}

async function make(context: Context, identity: Identity): Promise<string> {
  const { create } = identity.record.payload.body
  await ensureImage(context, create.Image)
  const name = context.names.parked(`${identity.record.entry.id}-e${identity.epoch}`)
  return createService(context, name, identity)
}

function newest(members: Member[]): Member | undefined {
  return members.toSorted((a, b) => b.epoch - a.epoch || Number(b.running) - Number(a.running))[0]
}

function stillThere(stopped: ContainerDetail[], removed: string[]): ContainerDetail[] {
  return stopped.filter(({ Id }) => !removed.includes(Id))
}

async function removeAll({ engine }: Context, members: Member[]): Promise<void> {
  await Promise.all(members.map(({ id }) => remove(engine, id)))
}

/** By the name of its release: the one that it had is the good one's again. */
function deleted({ names }: Context, members: Member[]): Change[] {
  return members.map(({ name, release }) => ({
    object: `container ${name === names.serving && release ? names.parked(release) : name}`,
    action: 'delete',
  }))
}
