import { isReleaseId, type ReleaseId } from '../../../release/ledger.ts'
import type { Environment } from '../../../config/environment.ts'
import type { ContainerSummary } from '../engine/containers.ts'

/** What our labels say; labels are shown and shipped everywhere, so that no secret may stand in one. */
export const label = {
  service: 'runbook.service',
  environment: 'runbook.environment',
  /** `service`, `trial` or `lease` */
  role: 'runbook.role',
  release: 'runbook.release',
  version: 'runbook.version',
  image: 'runbook.image',
  /** Fencing number of the lease under which it was created. */
  epoch: 'runbook.epoch',
  /** Of a service container: digests of the records in it, see `record-copy.ts`. */
  records: 'runbook.records',
  /** Of a lease, until its state is written. */
  holder: 'runbook.holder',
  deadline: 'runbook.deadline',
} as const

/** True for the labels of a container that runbook-actions created for this service in this environment. */
export function belongsTo(
  labels: Record<string, string> | null | undefined,
  { service, name }: Pick<Environment, 'service' | 'name'>,
): boolean {
  return labels?.[label.service] === service && labels[label.environment] === name
}

/** What the environment's containers are called. */
export interface Names {
  /** The container that serves: the one that people know. */
  serving: string
  /** A release that does not serve: kept for the way back, or about to serve. */
  parked(release: string): string
  /** A release that is tried beside the good one, without its ports. */
  trial(release: string): string
  lease(epoch: number): string
}

export function namesOf(container: string): Names {
  return {
    serving: container,
    parked: release => `${container}-${release}`,
    trial: release => `${container}-${release}-trial`,
    lease: epoch => `${container}-lease-${epoch}`,
  }
}

/** Whether a volume may hold the ledger: it has the name of its lease. */
export function isLeaseVolume(names: Names, volume: string): boolean {
  const epoch = Number(/-(\d+)$/.exec(volume)?.[1])
  return volume === names.lease(epoch)
}

/** One container of the environment. */
export interface Member {
  id: string
  name: string
  release: ReleaseId | null
  /** Holds its ports, or is about to. */
  running: boolean
  epoch: number
  labels: Record<string, string>
}

/** The environment's containers, by what they are there for. */
export interface Fleet {
  services: Member[]
  trials: Member[]
  /** Newest epoch first. */
  leases: Member[]
  /** Bears the name of the serving container, and is not ours: it was run by hand. */
  foreign: Member | undefined
}

/**
 * Finds the environment's containers among all of an engine.
 * @param adopted id of the container that was recorded as `r0`, which has no labels; empty when there is none
 */
export function fleetOf(
  containers: ContainerSummary[],
  environment: Pick<Environment, 'service' | 'name'>,
  names: Names,
  adopted: string,
): Fleet {
  const members = containers.map(member)
  const ours = members.filter(({ labels }) => belongsTo(labels, environment))
  const withRole = (role: string) => ours.filter(({ labels }) => labels[label.role] === role)
  const r0 = members.filter(({ id }) => id === adopted).map((each): Member => ({ ...each, release: 'r0' }))
  return {
    services: [...withRole('service'), ...r0],
    trials: withRole('trial'),
    leases: withRole('lease').sort((a, b) => b.epoch - a.epoch),
    foreign: members.find(
      each => each.name === names.serving && each.labels[label.role] === undefined && each.id !== adopted,
    ),
  }
}

/** The service container that bears the name of the environment, else the one that runs. */
export function serving({ services, foreign }: Fleet, names: Names): Member | undefined {
  const running = services.filter(each => each.running)
  return (
    running.find(each => each.name === names.serving) ??
    running[0] ??
    foreign ??
    services.find(each => each.name === names.serving)
  )
}

function member({ Id, Names: found, Labels, State }: ContainerSummary): Member {
  const labels = Labels ?? {}
  const release = labels[label.release]
  return {
    id: Id,
    name: (found[0] ?? '').replace(/^\//, ''),
    release: isReleaseId(release) ? release : null,
    running: State === 'running' || State === 'restarting' || State === 'paused',
    epoch: Number(labels[label.epoch] ?? 0),
    labels,
  }
}
