import { parseSize } from '../../runbook/values.ts'
import type { ReleaseRequest } from '../target.ts'
import type { CreateBody, HostConfig, PortBindings } from './containers.ts'
import { label } from './fleet.ts'
import type { ContainerPayload, ReleaseRecord } from './record.ts'
import type { Context } from './store.ts'

/** A host's port or address, and the container's port behind it. */
export interface PublishedPort {
  /** Empty for all addresses. */
  address: string
  host: number
  container: number
}

/** `3001:3000`, `127.0.0.1:3001:3000` */
export function parsePort(text: string): PublishedPort {
  const parts = text.split(':')
  const [container = '', host = ''] = parts.toReversed()
  return {
    address: parts.length > 2 ? (parts[0] ?? '') : '',
    host: Number(host),
    container: Number(container),
  }
}

/**
 * The container of a release. As with `docker run`, what is said by name (`env`) wins over the env-file.
 * @param image exact: with its digest, or an image's id
 */
export function renderPayload({ spec, environment }: Context, request: ReleaseRequest): ContainerPayload {
  const ports = spec.ports.map(parsePort)
  const env = { ...request.config, ...spec.env }
  const bindings: PortBindings = {}
  for (const { address, host, container } of ports)
    (bindings[`${container}/tcp`] ??= []).push({ HostIp: address, HostPort: String(host) })
  const create: CreateBody = {
    Image: request.image,
    Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
    ExposedPorts: Object.fromEntries(ports.map(({ container }) => [`${container}/tcp`, {}])),
    Labels: { [label.version]: request.version, [label.image]: request.image },
    HostConfig: {
      PortBindings: bindings,
      RestartPolicy: { Name: spec.restart ?? 'unless-stopped' },
      ...(spec.memory === undefined ? {} : { Memory: parseSize('memory', spec.memory) }),
      ...(spec.network === undefined ? {} : { NetworkMode: spec.network }),
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

/** Every host port that a body publishes. */
export function publishedPorts({ HostConfig: host }: CreateBody): number[] {
  return Object.values(host?.PortBindings ?? {})
    .flatMap(bindings => bindings ?? [])
    .map(({ HostPort }) => Number(HostPort))
    .filter(port => port > 0)
}
