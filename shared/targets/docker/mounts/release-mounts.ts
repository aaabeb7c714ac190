import { createHash } from 'node:crypto'
import { InputError, ToolError } from '../../../outcome/errors.ts'
import type { ReleaseId } from '../../../release/ledger.ts'
import { readImageConfig } from '../../../integrations/registry/image-config.ts'
import { inspect, type CreateBody } from '../engine/containers.ts'
import { isLeaseVolume, label, serving, type Fleet } from '../apply/fleet.ts'
import { refusal } from '../engine/engine.ts'
import { inspectImage } from '../engine/images.ts'
import { hostMounts, mountsOf, ofBind, ofImageVolume, planMounts, type MountSpec } from './mounts.ts'
import { unpackRecord } from '../state/record.ts'
import { refuseWiderRecord } from '../state/refuse-record.ts'
import type { Context } from '../engine/context.ts'
import { readRecords, readStore, type Stored } from '../state/store.ts'

/**
 * The mounts of a release of this image: those of the runbook, those that the previous container has, and one for each
 * volume that the image declares.
 * @throws ToolError when the image cannot be read
 */
export async function mountsForRelease(context: Context, image: string): Promise<MountSpec[]> {
  const [previous, declared] = await Promise.all([
    readStore(context).then(stored => previousMounts(context, stored)),
    declaredVolumes(context, image),
  ])
  const named = (context.spec.volumes ?? []).map(ofBind)
  const planned = planMounts(named, previous, declared, path => ownVolume(context, path))
  const state = planned.find(
    ({ shares }) => shares && 'volume' in shares && isLeaseVolume(context.names, shares.volume),
  )
  if (!state) return planned
  throw new InputError(`${state.source} at ${state.path} holds the ledger: no service may have it mounted`, {
    hint: 'Take it out of target.volumes, or out of the container that runs, and release again.',
  })
}

/** The volume of the service that keeps a path which the image declares: the same one for every release. */
function ownVolume(context: Context, path: string): MountSpec {
  const { environment } = context
  const labels = { [label.service]: environment.service, [label.environment]: environment.name }
  return ofImageVolume(volumeName(context, path), path, labels)
}

/** `orders-data-3a4f09c1`: what people recognise, and a digest that tells `/a/b` from `/a-b`. */
function volumeName({ spec }: Context, path: string): string {
  const readable = path
    .replace(/[^a-zA-Z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 40)
  const unique = createHash('sha256').update(path).digest('hex').slice(0, 8)
  return `${spec.container}-${readable}-${unique}`
}

/**
 * What the release that is replaced has mounted: the container that users reach, when runbook-actions did not create it;
 * then the one of the last good release; when that was removed, what was recorded of it, unless it is refused.
 */
export async function previousMounts(context: Context, { fleet, ledger }: Stored): Promise<MountSpec[]> {
  const { engine, names } = context
  const live = serving(fleet, names)
  const { serving: release } = ledger
  const good = release === null ? live : fleet.services.find(each => each.release === release)
  const there = [fleet.foreign, good].filter(each => each !== undefined)
  const details = await Promise.all(there.map(({ id }) => inspect(engine, id)))
  const recorded = release === null || good ? undefined : await recordedBody(context, fleet, release)
  const specs = [...details.filter(each => each !== undefined), ...(recorded ? [recorded] : [])].flatMap(
    each => mountsOf(each),
  )
  return specs.filter(({ path }, index) => specs.findIndex(other => other.path === path) === index)
}

/** The mounts alone: nothing else of the record is taken over. */
async function recordedBody(
  context: Context,
  fleet: Fleet,
  release: ReleaseId,
): Promise<CreateBody | undefined> {
  const record = unpackRecord((await readRecords(context, fleet)).get(release))
  if (!record) return undefined
  const { HostConfig: host = {} } = record.payload.body.create
  const body = { Image: '', HostConfig: hostMounts(mountsOf({ HostConfig: host })) }
  await refuseWiderRecord(context, fleet, body, `${release} (${record.entry.version})`)
  return body
}

async function declaredVolumes(context: Context, image: string): Promise<string[]> {
  const local = await inspectImage(context, image)
  if (local) return Object.keys(local.Config?.Volumes ?? {})
  return (await readImageConfig(image, context.adapters)).volumes
}

/**
 * Held against the engine before the release is applied: another run may have replaced the container meanwhile, and the
 * image may declare a volume for this host's platform alone.
 * @throws ToolError when the release would not have the mounts of the container that it replaces
 */
export async function checkMounts(context: Context, body: CreateBody): Promise<void> {
  const needed = hostMounts(await mountsForRelease(context, body.Image))
  const given = hostMounts(mountsOf({ HostConfig: body.HostConfig ?? {} }))
  if (JSON.stringify(needed) === JSON.stringify(given)) return
  throw new ToolError(
    `the mounts of container ${context.names.serving} changed while this run waited for the environment; nothing was changed`,
    { tool: 'Docker engine', hint: 'Run the deploy again: it takes over the mounts that are there now.' },
  )
}

/**
 * @throws ToolError when a volume that the previous container had is gone, since the engine would create an empty one
 *   under its name; or when the volume that would keep the image's data is of another service
 */
export async function checkVolumes(
  context: Context,
  mounts: MountSpec[],
  previous: MountSpec[],
): Promise<void> {
  const had = new Set(previous.map(({ source }) => source))
  for (const { path, shares, source } of mounts) {
    if (!shares || !('volume' in shares)) continue
    const there = await readVolume(context, shares.volume)
    if (!there && had.has(source)) throw volumeGone(context, shares.volume, path)
    if (there && !had.has(source) && shares.volume === volumeName(context, path))
      requireOwn(context, there, path)
  }
}

interface Volume {
  Name: string
  Labels: Record<string, string> | null
}

async function readVolume({ engine }: Context, name: string): Promise<Volume | undefined> {
  const path = `/volumes/${encodeURIComponent(name)}`
  const { status, body } = await engine.call('GET', path)
  if (status === 404) return undefined
  if (status >= 400) throw refusal('GET', path, status, body)
  return JSON.parse(body.toString('utf8')) as Volume
}

function volumeGone({ engine, names }: Context, volume: string, path: string): ToolError {
  return new ToolError(
    `volume ${volume}, which container ${names.serving} had at ${path}, is not on ${engine.place} any more`,
    {
      tool: 'Docker engine',
      code: 404,
      hint: `Restore the volume; or, if its data is not needed, name the volume to begin with in target.volumes: ['${volume}:${path}'] after docker volume create ${volume}.`,
    },
  )
}

function requireOwn({ environment }: Context, { Name, Labels }: Volume, path: string): void {
  const [service, name] = [Labels?.[label.service], Labels?.[label.environment]]
  if (service === environment.service && name === environment.name) return
  throw new ToolError(
    `volume ${Name}, which would keep ${path} of ${environment.service}, is there already and belongs to ${service ?? 'another program'}`,
    {
      tool: 'Docker engine',
      code: 409,
      hint: `Name the volume for ${path} in target.volumes, like ['${environment.service}-data:${path}'].`,
    },
  )
}
