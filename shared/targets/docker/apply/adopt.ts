import { ToolError } from '../../../outcome/errors.ts'
import { before } from '../../../outcome/strip.ts'
import { inspect, remove, type ContainerDetail, type CreateBody } from '../engine/containers.ts'
import { createService } from './handover.ts'
import { inspectImage } from '../engine/images.ts'
import { keepSecret } from '../state/keep-secret.ts'
import { lostSettings } from '../inspect/lost-settings.ts'
import type { ContainerPayload, ReleaseRecord } from '../state/record.ts'
import { recreation } from './recreation.ts'
import type { Context } from '../engine/context.ts'

/**
 * Records a container that runbook-actions did not create, so that a rollback can create it again as it is. Whether it
 * can is tried: the container is created once more, never started, and compared with the one that runs.
 * @param epoch of the lock under which it is recorded
 * @throws ToolError when the engine does not create it again, or not with its mounts and networks. Nothing has been
 *   changed then.
 */
export async function adoptContainer(context: Context, id: string, epoch: number): Promise<ReleaseRecord> {
  const { engine, names, adapters } = context
  const detail = await inspect(engine, id)
  if (!detail) {
    throw new ToolError(`container ${names.serving} was removed while it was recorded`, {
      tool: 'Docker engine',
      hint: 'See which other user or program works on that host, then try again.',
    })
  }
  const record = await recordOf(context, detail)
  keepSecret(context, record)
  const lost = await tryRecreation(context, detail, record, epoch)
  for (const line of lost) adapters.log.warn(`A rollback to r0 would not restore this: ${line}.`)
  return record
}

/** A container as the record of a release. */
async function recordOf(context: Context, detail: ContainerDetail): Promise<ReleaseRecord> {
  const found = await inspectImage(context, detail.Image)
  const name = detail.Config.Image
  const digests = found?.RepoDigests ?? []
  const repository =
    name.slice(0, name.lastIndexOf('/') + 1) + before(name.slice(name.lastIndexOf('/') + 1), '@:')
  const image = digests.find(each => each.startsWith(`${repository}@`)) ?? digests[0] ?? detail.Image
  const version = found?.Config?.Labels?.['org.opencontainers.image.version'] ?? tagOf(name) ?? name
  return {
    entry: {
      id: 'r0',
      version,
      image,
      state: 'good',
      by: '',
      run: '',
      runUrl: '',
      intendedAt: detail.State.StartedAt,
    },
    payload: payloadOf(context, detail, recreation(detail, image, found?.Config ?? {})),
  }
}

function payloadOf(
  { spec, environment }: Context,
  { Id }: ContainerDetail,
  body: CreateBody,
): ContainerPayload {
  return {
    kind: 'docker',
    objects: [`container ${spec.container} (${environment.name})`],
    body: { create: body, adopted: Id },
  }
}

/** What the container that runs would be released with: for plans, before it is recorded. */
export async function settingsInPlace(context: Context, detail: ContainerDetail): Promise<CreateBody> {
  return (await recordOf(context, detail)).payload.body.create
}

/**
 * Creates the container of a record beside the one that runs. One that is removed as soon as it ends (`docker run --rm`)
 * keeps its copy: it holds the volumes, which the engine would remove together with the container.
 * @returns what the copy has not, in a line each
 */
async function tryRecreation(
  context: Context,
  detail: ContainerDetail,
  record: ReleaseRecord,
  epoch: number,
): Promise<string[]> {
  const { engine, names } = context
  await requireShared(context, detail)
  let copy: string | undefined
  try {
    copy = await createService(context, names.parked(record.entry.id), { record, previous: undefined, epoch })
    const made = await inspect(engine, copy)
    const { essential, others } = made
      ? lostSettings(detail, made)
      : { essential: ['all of it: the copy was removed'], others: [] }
    if (essential.length > 0) throw cannotRestore(context, essential.join('; '))
    if (!detail.HostConfig.AutoRemove) await remove(engine, copy)
    return others
  } catch (error) {
    if (copy) await remove(engine, copy)
    if (error instanceof ToolError && error.code !== undefined)
      throw cannotRestore(context, error.message, error)
    throw error
  }
}

/** The engine creates a container that shares something of another one that is gone, and never starts it. */
async function requireShared(context: Context, { HostConfig: host }: ContainerDetail): Promise<void> {
  for (const key of ['NetworkMode', 'IpcMode', 'PidMode']) {
    const mode = host[key]
    const other =
      typeof mode === 'string' && mode.startsWith('container:') ? mode.slice('container:'.length) : ''
    if (other !== '' && !(await inspect(context.engine, other)))
      throw cannotRestore(context, `its ${key} is that of container ${other.slice(0, 12)}, which was removed`)
  }
}

function cannotRestore({ names }: Context, why: string, cause?: ToolError): ToolError {
  return new ToolError(
    `container ${names.serving} cannot be created again as it is, so that no rollback could restore it: ${why}`,
    {
      tool: 'Docker engine',
      reason: 'adoption-refused',
      hint: `Nothing was changed. Create ${names.serving} again without what is named, then release again.`,
      ...(cause ? { cause } : {}),
    },
  )
}

function tagOf(image: string): string | undefined {
  return /:([\w][\w.-]*)$/.exec(image)?.[1]
}
