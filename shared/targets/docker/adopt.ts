import { ToolError } from '../../outcome/errors.ts'
import { inspect, type ContainerDetail, type CreateBody } from './containers.ts'
import { inspectImage } from './images.ts'
import { keepSecret } from './keep-secret.ts'
import type { ReleaseRecord } from './record.ts'
import type { Context } from './store.ts'

/** Records a container that somebody ran by hand, so that it can be brought back as it is. */
export async function adoptContainer(context: Context, id: string): Promise<ReleaseRecord> {
  const detail = await inspect(context.engine, id)
  if (!detail) {
    throw new ToolError(`container ${context.names.serving} went away while it was recorded`, {
      tool: 'Docker engine',
      hint: 'Look who works on that host, then try again.',
    })
  }
  const found = await inspectImage(context, detail.Image)
  const name = detail.Config.Image
  const image = found?.RepoDigests?.[0] ?? detail.Image
  const version = found?.Config?.Labels?.['org.opencontainers.image.version'] ?? tagOf(name) ?? name
  const record: ReleaseRecord = {
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
    payload: {
      kind: 'docker',
      objects: [`container ${context.spec.container} (${context.environment.name})`],
      body: { create: recreation(detail, image), adopted: detail.Id },
    },
  }
  keepSecret(context, record)
  return record
}

/** The body that creates a container like one that is there: its networks, and its anonymous volumes by name, too. */
export function recreation(detail: ContainerDetail, image: string): CreateBody {
  const { Hostname: hostname, ...config } = detail.Config
  const host = detail.HostConfig
  const binds = host.Binds ?? []
  const volumes = (detail.Mounts ?? [])
    .filter(({ Type, Name, Destination }) => Type === 'volume' && Name && !bound(binds, Destination))
    .map(({ Name = '', Destination, RW }) => `${Name}:${Destination}${RW ? '' : ':ro'}`)
  const networks = Object.entries(detail.NetworkSettings.Networks ?? {})
  // The engine names a container's host after its id, and gives it that as an alias: neither is part of what it is.
  const isOwn = (text: string | undefined) => text === undefined || detail.Id.startsWith(text)
  const endpoint = (aliases: string[] | null | undefined) => {
    const said = aliases?.filter(alias => !isOwn(alias)) ?? []
    return said.length > 0 ? { Aliases: said } : {}
  }
  return {
    ...config,
    ...(isOwn(hostname) ? {} : { Hostname: hostname }),
    Image: image,
    HostConfig: { ...host, AutoRemove: false, Binds: [...binds, ...volumes] },
    NetworkingConfig: {
      EndpointsConfig: Object.fromEntries(networks.map(([name, each]) => [name, endpoint(each?.Aliases)])),
    },
  }
}

function bound(binds: string[], destination: string): boolean {
  return binds.some(bind => bind.split(':')[1] === destination)
}

function tagOf(image: string): string | undefined {
  return /:([\w][\w.-]*)$/.exec(image)?.[1]
}
