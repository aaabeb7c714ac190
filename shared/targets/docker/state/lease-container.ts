import { ToolError } from '../../../outcome/errors.ts'
import type { Holder, Lease } from '../../../release/lease.ts'
import { create, inspect, tolerate } from '../engine/containers.ts'
import { belongsTo, label } from '../apply/fleet.ts'
import { stateMount } from './record.ts'
import type { Context } from '../engine/context.ts'

/** What came of creating the container of a lease. */
export type CreatedLease =
  | { kind: 'created'; id: string }
  /** Its name was taken: by another run, or by a reader that found its volume without it. */
  | { kind: 'exists'; id: string; holder: string }

/**
 * Creates the container of a lease, which is never started. Its name has the epoch in it. Ledger and records lie in a
 * volume of the same name, which is mounted into this container alone: no program that runs can reach it, and it stays
 * when stopped containers are pruned.
 */
export function createLease(context: Context, { epoch, holder, deadline }: Lease): Promise<CreatedLease> {
  const { environment } = context
  return createWith(context, epoch, {
    [label.service]: environment.service,
    [label.environment]: environment.name,
    [label.role]: 'lease',
    [label.epoch]: String(epoch),
    [label.holder]: holderLabel(holder),
    [label.deadline]: String(deadline),
  })
}

/** A holder as the label of its lease has it. */
export function holderLabel(holder: Holder): string {
  return JSON.stringify(holder)
}

/**
 * Creates the containers of leases again whose volumes are there without them, as a prune of stopped containers leaves
 * them.
 * @returns whether there was one
 */
export async function reviveLeases(context: Context): Promise<boolean> {
  const orphans = await listVolumes(context)
  for (const { Name, Labels } of orphans) {
    const epoch = Number(Labels?.[label.epoch])
    if (Name === context.names.lease(epoch)) await createWith(context, epoch, Labels ?? {})
  }
  return orphans.length > 0
}

/** Removes the volumes of leases before this one. */
export async function removeOlderVolumes(context: Context, before: number): Promise<void> {
  for (const { Name, Labels } of await listVolumes(context)) {
    if (Number(Labels?.[label.epoch]) >= before) continue
    // A reader may have found it a moment ago, and be reading it.
    await tolerate(409, () =>
      tolerate(404, () => context.engine.json('DELETE', `/volumes/${encodeURIComponent(Name)}`)),
    )
  }
}

interface StateVolume {
  Name: string
  Labels: Record<string, string> | null
}

async function listVolumes({ engine, environment }: Context): Promise<StateVolume[]> {
  const filters = { label: [`${label.role}=lease`, `${label.service}=${environment.service}`] }
  const { Volumes } = await engine.json<{ Volumes: StateVolume[] | null }>('GET', '/volumes', {
    query: { filters },
  })
  return (Volumes ?? []).filter(({ Labels }) => belongsTo(Labels, environment))
}

async function createWith(
  context: Context,
  epoch: number,
  labels: Record<string, string>,
): Promise<CreatedLease> {
  const { engine, names } = context
  const name = names.lease(epoch)
  const mount = {
    Type: 'volume',
    Source: name,
    Target: stateMount,
    VolumeOptions: { NoCopy: true, Labels: labels },
  }
  const body = {
    Image: await emptyImage(context),
    Cmd: ['never-started'],
    Labels: labels,
    HostConfig: { Mounts: [mount] },
  }
  try {
    return { kind: 'created', id: await create(engine, name, body) }
  } catch (error) {
    if (!(error instanceof ToolError && error.code === 409)) throw error
    const other = await inspect(engine, name)
    if (other && other.Config.Labels?.[label.role] !== 'lease') {
      throw new ToolError(`a container that is not ours is called ${name}`, {
        tool: 'Docker engine',
        hint: `Rename it: runbook-actions needs that name.`,
        cause: error,
      })
    }
    return { kind: 'exists', id: other?.Id ?? '', holder: other?.Config.Labels?.[label.holder] ?? '' }
  }
}

const emptyImageName = 'runbook-lease:1'

/** An image of nothing, made on the engine itself: a lease has to be had before any image is pulled. */
async function emptyImage({ engine }: Context): Promise<string> {
  const { status } = await engine.call('GET', `/images/${emptyImageName}/json`)
  if (status === 200) return emptyImageName
  const [repo = '', tag = ''] = emptyImageName.split(':')
  await engine.json('POST', '/images/create', {
    query: { fromSrc: '-', repo, tag, message: 'Holds the ledger and the lease of runbook-actions' },
    archive: Buffer.alloc(1_024),
  })
  return emptyImageName
}
