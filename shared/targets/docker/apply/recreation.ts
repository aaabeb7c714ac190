import type { ContainerDetail, CreateBody, Endpoint, HostConfig } from '../engine/containers.ts'
import { hostMounts, mountsOf } from '../mounts/mounts.ts'

/** What an image gives to every container of it. */
export type ImageDefaults = Record<string, unknown>

/**
 * The body that creates a container like one that is there. All that the engine says of it is taken over, whatever it is
 * called; left out is only what belongs to that one container (its id, addresses that it was given), and what its image
 * says anyway. Mounts are by the name of their volume, each path once; ports are those that it was given.
 * @param image exact: with its digest, or an image's id
 */
export function recreation(detail: ContainerDetail, image: string, defaults: ImageDefaults): CreateBody {
  const { Binds: _binds, Mounts: _mounts, Tmpfs: _tmpfs, VolumesFrom: _from, ...host } = detail.HostConfig
  const networks = Object.entries(detail.NetworkSettings.Networks ?? {})
  const mode = host.NetworkMode ?? 'default'
  const [named] = networks.find(([, each]) => each?.NetworkID !== undefined && each.NetworkID === mode) ?? []
  return {
    ...withoutDefaults(ownConfig(detail), defaults),
    Image: image,
    HostConfig: {
      ...host,
      AutoRemove: false,
      NetworkMode: named ?? mode,
      ...ports(detail, mode),
      ...(host.Links ? { Links: host.Links.map(askedLink) } : {}),
      ...hostMounts(mountsOf(detail)),
    },
    NetworkingConfig: {
      EndpointsConfig: mode.startsWith('container:')
        ? {}
        : Object.fromEntries(networks.map(([name, each]) => [name, endpointOf(detail, each ?? {})])),
    },
  }
}

/** The engine names a container's host after its id; and one that shares a network has the names of its owner. */
function ownConfig({ Id, Config, HostConfig: host }: ContainerDetail): Record<string, unknown> {
  const { Hostname: hostname, ...config } = Config
  const shared = host.NetworkMode?.startsWith('container:') === true
  const ofHost = [host.NetworkMode, host['UTSMode']].includes('host')
  const isOwn = hostname === undefined || Id.startsWith(hostname) || ofHost
  if (!shared) return isOwn ? config : { ...config, Hostname: hostname }
  const { Domainname: _domain, ExposedPorts: _ports, MacAddress: _mac, ...rest } = config
  return rest
}

/** Ports that the engine chose itself (`-p 3000`, `-P`) are asked for by number, so that they stay the same. */
function ports(
  { HostConfig: host, NetworkSettings: { Ports: given } }: ContainerDetail,
  mode: string,
): Pick<HostConfig, 'PortBindings' | 'PublishAllPorts'> {
  if (mode.startsWith('container:')) return { PortBindings: {}, PublishAllPorts: false }
  const wanted = host.PortBindings ?? {}
  const chosen = Object.values(wanted).some(each => each?.some(({ HostPort }) => !/^\d+$/.test(HostPort)))
  if (!chosen && !host.PublishAllPorts) return {}
  const bound = Object.entries(given ?? {}).filter(([, each]) => (each ?? []).length > 0)
  return { PortBindings: { ...wanted, ...Object.fromEntries(bound) }, PublishAllPorts: false }
}

/** The engine tells a link as `/db:/orders/alias`, after the container's name of that moment. */
function askedLink(link: string): string {
  const [, target = '', alias = ''] = /^\/([^:]+):\/.*\/([^/]+)$/.exec(link) ?? []
  return target === '' ? link : `${target}:${alias}`
}

/** What an endpoint was given by the engine while it ran; all else was asked for. */
const operational = new Set([
  'NetworkID',
  'EndpointID',
  'Gateway',
  'IPAddress',
  'IPPrefixLen',
  'IPv6Gateway',
  'GlobalIPv6Address',
  'GlobalIPv6PrefixLen',
  'MacAddress',
  'DNSNames',
])

function endpointOf({ Id, Config }: ContainerDetail, endpoint: Endpoint): Endpoint {
  const aliases = endpoint.Aliases?.filter(alias => !Id.startsWith(alias)) ?? []
  const asked = Object.entries(endpoint).filter(
    ([key, value]) => !operational.has(key) && key !== 'Aliases' && !isEmpty(value),
  )
  return {
    ...Object.fromEntries(asked),
    ...(aliases.length > 0 ? { Aliases: aliases } : {}),
    ...(Config['MacAddress'] && endpoint.MacAddress === Config['MacAddress']
      ? { MacAddress: endpoint.MacAddress }
      : {}),
  }
}

/** A container's configuration has that of its image in it: what is the same in both is the image's. */
function withoutDefaults(config: Record<string, unknown>, image: ImageDefaults): Record<string, unknown> {
  const own = Object.entries(config).flatMap(([key, value]): [string, unknown][] => {
    const given = image[key]
    // The command belongs to its entrypoint: the engine takes the image's only with it.
    if (key === 'Cmd' || key === 'Entrypoint') return sameCommand(config, image) ? [] : [[key, value ?? []]]
    if (given === undefined || given === null) return [[key, value]]
    if (Array.isArray(value) && Array.isArray(given) && key === 'Env')
      return [[key, value.filter(each => !given.includes(each))]]
    if (isRecord(value) && isRecord(given) && ['Labels', 'ExposedPorts', 'Volumes'].includes(key))
      return [
        [key, Object.fromEntries(Object.entries(value).filter(([name, each]) => !same(given[name], each)))],
      ]
    return same(value, given) ? [] : [[key, value]]
  })
  return Object.fromEntries(own)
}

function sameCommand(config: Record<string, unknown>, image: ImageDefaults): boolean {
  return ['Cmd', 'Entrypoint'].every(key => same(config[key] ?? [], image[key] ?? []))
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Nothing was asked for: null, "", 0, false, [] or {}. */
export function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  return isRecord(value) ? Object.values(value).every(isEmpty) : !value
}
