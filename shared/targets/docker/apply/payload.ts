import { parseSize } from '../../../config/values.ts'
import type { ReleaseRequest } from '../../target.ts'
import type { CreateBody, HostConfig } from '../engine/containers.ts'
import { label } from './fleet.ts'
import { hostMounts, type MountSpec } from '../mounts/mounts.ts'
import { bindingsOf, parsePort } from '../engine/ports.ts'
import type { ContainerPayload, ReleaseRecord } from '../state/record.ts'
import type { Context } from '../engine/context.ts'

/**
 * The container of a release. As with `docker run`, what is said by name (`env`) wins over the env-file.
 * @param request its image is exact: with its digest, or an image's id
 * @param mounts from `mountsForRelease`
 */
export function renderPayload(
  { spec, environment }: Context,
  request: ReleaseRequest,
  mounts: MountSpec[],
): ContainerPayload {
  // On the host's own network there is nothing to be published.
  const ports = spec.network === 'host' ? [] : spec.ports.map(parsePort)
  const env = { ...request.config, ...spec.env }
  const create: CreateBody = {
    Image: request.image,
    Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
    ExposedPorts: Object.fromEntries(
      ports.map(({ container, protocol }) => [`${container}/${protocol}`, {}]),
    ),
    Labels: { [label.version]: request.version, [label.image]: request.image },
    HostConfig: {
      PortBindings: bindingsOf(ports),
      RestartPolicy: { Name: spec.restart ?? 'unless-stopped' },
      ...(spec.memory === undefined ? {} : { Memory: parseSize('memory', spec.memory) }),
      ...(spec.network === undefined ? {} : { NetworkMode: spec.network }),
      ...hostMounts(mounts),
    },
  }
  return {
    kind: 'docker',
    objects: [`container ${spec.container} (${environment.name})`],
    body: { create, adopted: '' },
  }
}

/** What a creation adds to the payload: who it is, and the records that go along into its file system. */
export interface Identity {
  record: ReleaseRecord
  previous: ReleaseRecord | undefined
  epoch: number
}

/**
 * The body for the container that is to serve. It is told which release it is, so that it can say so (the guide asks
 * /api/v1/status); what was there before this suite is made again as it was.
 */
export function serviceBody({ environment }: Context, { record, epoch }: Identity): CreateBody {
  const { create, adopted } = record.payload.body
  const own = [`RUNBOOK_RELEASE=${record.entry.id}`, `RUNBOOK_VERSION=${record.entry.version}`]
  return {
    ...create,
    ...(adopted ? {} : { Env: [...(create.Env ?? []), ...own] }),
    Labels: {
      ...create.Labels,
      [label.service]: environment.service,
      [label.environment]: environment.name,
      [label.role]: 'service',
      [label.release]: record.entry.id,
      [label.epoch]: String(epoch),
    },
  }
}

/** The body for a trial of the release: all the same but its ports, which the good one holds. */
export function trialBody(context: Context, identity: Identity): CreateBody {
  const body = serviceBody(context, identity)
  const host: HostConfig = { ...body.HostConfig, PortBindings: {}, PublishAllPorts: false }
  return { ...body, Labels: { ...body.Labels, [label.role]: 'trial' }, HostConfig: host }
}
