import { ToolError } from '../../../outcome/errors.ts'
import { inspect, type CreateBody } from '../engine/containers.ts'
import { isLeaseVolume, label, type Fleet, type Member } from '../apply/fleet.ts'
import { accessOf, describeAccess, wider, type Access } from './host-access.ts'
import { inspectImage } from '../engine/images.ts'
import { mountsOf } from '../mounts/mounts.ts'
import { readCopies } from './record-copy.ts'
import { unpackRecord } from './record.ts'
import { recreation } from '../apply/recreation.ts'
import type { Context } from '../engine/context.ts'

/**
 * Refuses to create a container from a record that would reach more of the host than the runbook gives it today, or than
 * the environment's own containers have, by the engine's account of them and by the records that their labels name. A
 * record is data: wherever it was written, it gives no container a power that no reviewed runbook and no container that
 * was adopted has.
 * @param whose for people: `r3 (v1.2.0)`
 * @throws ToolError `record-refused` with the fields; nothing has been changed
 */
export async function refuseWiderRecord(
  context: Context,
  fleet: Fleet,
  create: CreateBody,
  whose: string,
): Promise<void> {
  const known = [
    ofRunbook(context),
    ...(await plainContainer(context, fleet)),
    ...(await inPlace(context, fleet)),
  ]
  const asked = wider(create, known)
  // Where nothing is left of the service, no repository is known to be its own; a digest is wanted all the same.
  const images = known.flatMap(each => accessOf(each)).filter(isImage)
  const refused = [
    ...asked.filter(each => !(isImage(each) && images.length === 0 && isPinned(create.Image))),
    ...stateVolumes(context, create),
  ]
  if (refused.length === 0) return
  throw new ToolError(
    `the record of ${whose} asks for more than the runbook gives ${context.names.serving} today: ${describeAccess(refused)}`,
    {
      tool: 'Docker engine',
      reason: 'record-refused',
      hint: remedy(context, refused),
    },
  )
}

function ofRunbook({ spec }: Context): CreateBody {
  return {
    Image: '',
    HostConfig: { Binds: spec.volumes ?? [], ...(spec.network ? { NetworkMode: spec.network } : {}) },
  }
}

/** What the engine gives every container that asks for nothing, like that of the lock. */
async function plainContainer({ engine }: Context, { leases: [newest] }: Fleet): Promise<CreateBody[]> {
  const detail = newest && (await inspect(engine, newest.id))
  return detail ? [{ Image: '', HostConfig: { ...detail.HostConfig, Binds: null, Mounts: null } }] : []
}

/** Mounts of the volumes that hold the ledger: no container that runs has them. */
function stateVolumes({ names }: Context, { HostConfig: host = {} }: CreateBody): Access[] {
  return mountsOf({ HostConfig: host })
    .filter(({ shares }) => shares && 'volume' in shares && isLeaseVolume(names, shares.volume))
    .map(({ source }) => ({ field: 'HostConfig.Mounts', what: source, key: source }))
}

/** The environment's containers as the engine has them, and the records that are authentic by their labels. */
async function inPlace(context: Context, { services, foreign }: Fleet): Promise<CreateBody[]> {
  const members = [...services, ...(foreign ? [foreign] : [])]
  const found = await Promise.all(members.map(member => bodiesOf(context, member)))
  return found.flat()
}

async function bodiesOf(context: Context, member: Member): Promise<CreateBody[]> {
  const { engine } = context
  const detail = await inspect(engine, member.id)
  if (!detail) return []
  const named = member.labels[label.image]
  const images = named === undefined ? await namesOfImage(context, detail.Image) : [named]
  const records = [...(await readCopies(engine, member)).values()].map(text => unpackRecord(text))
  return [
    ...images.map(image => recreation(detail, image, {})),
    ...records.filter(each => each !== undefined).map(({ payload }) => payload.body.create),
  ]
}

/** An image that another program ran may be known by several repositories; one that was built on the host, by none. */
async function namesOfImage(context: Context, id: string): Promise<string[]> {
  const digests = (await inspectImage(context, id))?.RepoDigests ?? []
  return digests.length > 0 ? digests : [id]
}

function isImage({ field }: Access): boolean {
  return field === 'Image'
}

function isPinned(image: string): boolean {
  return /@sha256:[0-9a-f]{64}$/.test(image) || /^(sha256:)?[0-9a-f]{64}$/.test(image)
}

function remedy({ names, environment }: Context, refused: Access[]): string {
  const fields = new Set(refused.map(({ field }) => field))
  const byRunbook = [
    ...(fields.has('HostConfig.Binds') || fields.has('HostConfig.Mounts')
      ? ['name the folder in target.volumes']
      : []),
    ...(fields.has('HostConfig.NetworkMode') ? ['name the network in target.network'] : []),
    ...(fields.has('Image') ? ['deploy that version by its image'] : []),
  ]
  const rest = [...fields].some(each => !/^(Image|HostConfig\.(Binds|Mounts|NetworkMode))$/.test(each))
  const steps = [
    ...byRunbook,
    ...(rest ? [`start it by hand as ${names.serving} (docker run), which the next release adopts`] : []),
  ]
  return `Nothing was changed. If the service is meant to have this: ${steps.join('; ')}. If it is not, another program wrote the record: look at who has access to that Docker engine, then deploy ${environment.service} anew.`
}
