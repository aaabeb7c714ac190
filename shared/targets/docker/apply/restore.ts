import { ToolError } from '../../../outcome/errors.ts'
import type { ReleaseId } from '../../../release/ledger.ts'
import type { Change } from '../../target.ts'
import { inspect, remove, setRestartPolicy, start, type ContainerDetail } from '../engine/containers.ts'
import type { Fleet, Member } from './fleet.ts'
import { createService, detailsOf, keepStopped, outliveReboot, runningIn, stopAll } from './handover.ts'
import { ensureImage } from '../engine/images.ts'
import { takeName } from './names.ts'
import type { Identity } from './payload.ts'
import { refuseWiderRecord } from '../state/refuse-record.ts'
import type { Context } from '../engine/context.ts'

export interface Restoration {
  identity: Identity
  /** Releases whose containers stay, stopped, for a later way back. */
  keep: Set<ReleaseId>
  /** Where its record comes from: this process made it of the container that ran, or it was stored before. */
  origin: 'made-here' | 'stored'
  /**
   * A former holder of the lease may still be about to stop or rename the good container: it is made anew, so that
   * whatever comes late meets an id that is gone.
   */
  fence: boolean
}

/**
 * Brings the container of a good release back to serve, exactly as it was, and removes every container of a release that
 * is not kept. It can be cut off anywhere and done again.
 * @param check throws when the lease was lost; else gives the containers as of now
 */
export async function restoreContainers(
  context: Context,
  fleet: Fleet,
  { identity, keep, fence, origin }: Restoration,
  check: () => Promise<Fleet>,
): Promise<Change[]> {
  const source = { identity, origin }
  const { engine, names } = context
  const { entry, payload } = identity.record
  const good = newest(fleet.services.filter(each => each.release === entry.id))
  const others = fleet.services.filter(each => each !== good)
  // One that was created to take over is a sign that the good one may have been told to end already.
  const disturbed = others.some(each => !keep.has(each.release ?? 'r0') || each.running)
  const subject = `container ${names.serving}`
  if (good?.running && good.name === names.serving && !disturbed && !fence && !fleet.foreign) {
    await removeAll(context, fleet.trials)
    await recordedPolicy(context, good.id, payload.body.create.HostConfig?.RestartPolicy)
    return [{ object: subject, action: 'none' }, ...deleted(context, fleet.trials)]
  }

  let serves = fence || !good ? await make(context, fleet, source) : good.id
  const running = await detailsOf(context, runningIn(fleet))
  // One that has served before comes back with the host; one that was just made does not, so that another has to.
  const known = serves === good?.id ? [{ Id: serves, HostConfig: payload.body.create.HostConfig ?? {} }] : []
  const ending = running.filter(each => each.Id !== serves || !isWell(each))
  await outliveReboot(context, known.length > 0 ? known : ending)
  await stopAll(context, ending)
  try {
    await start(engine, serves)
  } catch (error) {
    if (!(error instanceof ToolError && error.code === 404)) throw error
    // A prune on that host took it away between two of our calls.
    serves = await make(context, fleet, source)
    await start(engine, serves)
  }
  await takeName(context, fleet, serves, check)
  await recordedPolicy(context, serves, payload.body.create.HostConfig?.RestartPolicy)
  const gone = [...others, ...(good && good.id !== serves ? [good] : []), ...fleet.trials].filter(
    each => each.release === entry.id || !keep.has(each.release ?? 'r0') || fleet.trials.includes(each),
  )
  await removeAll(context, gone)
  const left = others.filter(each => !gone.includes(each))
  await keepStopped(context, await detailsOf(context, left))
  const diff = `image: ${entry.image}\nversion: ${entry.version}`
  return [{ object: subject, action: 'update', diff }, ...deleted(context, gone)]
}

async function make(
  context: Context,
  fleet: Fleet,
  { identity, origin }: Pick<Restoration, 'identity' | 'origin'>,
): Promise<string> {
  const { entry, payload } = identity.record
  const { create } = payload.body
  if (origin === 'stored') await refuseWiderRecord(context, fleet, create, `${entry.id} (${entry.version})`)
  await ensureImage(context, create.Image)
  const name = context.names.parked(`${entry.id}-e${identity.epoch}`)
  return createService(context, name, identity)
}

/** The one that runs; of those that do not, the one that was created last. */
function newest(members: Member[]): Member | undefined {
  return members.toSorted((a, b) => Number(b.running) - Number(a.running) || b.epoch - a.epoch)[0]
}

/** A container that was kept, or about to give way, has another policy for that time. */
async function recordedPolicy(
  { engine }: Context,
  id: string,
  recorded: ContainerDetail['HostConfig']['RestartPolicy'],
): Promise<void> {
  const now = (await inspect(engine, id))?.HostConfig.RestartPolicy?.Name
  if ((now ?? '') !== (recorded?.Name ?? 'no')) await setRestartPolicy(engine, id, recorded)
}

/** It runs and has its ports; one that is paused or between two starts of a loop has to be started anew. */
function isWell({ State: state }: ContainerDetail): boolean {
  return state.Status === 'running'
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
