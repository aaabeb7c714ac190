import { parseImage } from '../../../integrations/registry/image-reference.ts'
import type { CreateBody, HostConfig, Mount } from '../engine/containers.ts'
import { mountsOf } from '../mounts/mounts.ts'

/**
 * One thing that a container may reach on its host: a privilege, a device, a folder, a namespace; and the image that it
 * runs. Networks and volumes by name are left out: they reach other services, not the host.
 */
export interface Access {
  /** Of the body that creates the container: `HostConfig.Privileged`. */
  field: string
  /** What of it, for people: `SYS_ADMIN`, `folder /`; empty where the field says it all, or its value may be secret. */
  what: string
  /** What it is compared by. */
  key: string
}

/**
 * Settings of the engine that take from a container, limit it, or concern it alone. Whatever is not listed here counts as
 * access: also a setting that a later engine knows, and one in another spelling, since the engine reads the names of
 * fields without regard to their case.
 */
const ownSettings = new Set([
  ...['PortBindings', 'PublishAllPorts', 'RestartPolicy', 'AutoRemove', 'ConsoleSize', 'ContainerIDFile'],
  ...['Memory', 'MemoryReservation', 'MemorySwap', 'MemorySwappiness', 'KernelMemory', 'KernelMemoryTCP'],
  ...['CpuShares', 'CpuPeriod', 'CpuQuota', 'CpuRealtimePeriod', 'CpuRealtimeRuntime', 'CpusetCpus'],
  ...['CpusetMems', 'CpuCount', 'CpuPercent', 'NanoCpus', 'PidsLimit', 'OomScoreAdj', 'ShmSize', 'Ulimits'],
  ...['BlkioWeight', 'BlkioWeightDevice', 'BlkioDeviceReadBps', 'BlkioDeviceWriteBps'],
  ...['BlkioDeviceReadIOps', 'BlkioDeviceWriteIOps', 'IOMaximumIOps', 'IOMaximumBandwidth'],
  ...['CapDrop', 'ReadonlyRootfs', 'Init', 'Dns', 'DnsOptions', 'DnsSearch', 'ExtraHosts', 'Tmpfs'],
])

/** Those of the container itself; what they do is done inside of it. */
const ownConfig = new Set([
  ...['Image', 'Env', 'Labels', 'ExposedPorts', 'Cmd', 'Entrypoint', 'WorkingDir', 'User', 'Hostname'],
  ...['Domainname', 'Healthcheck', 'StopSignal', 'StopTimeout', 'Tty', 'OpenStdin', 'StdinOnce'],
  ...['AttachStdin', 'AttachStdout', 'AttachStderr', 'Volumes', 'OnBuild', 'Shell', 'ArgsEscaped'],
  ...['NetworkDisabled', 'MacAddress', 'HostConfig', 'NetworkingConfig'],
])

/** Values that an engine gives, or a user may give, without any access coming of it. */
const plainValues = new Map<string, unknown[]>(
  Object.entries({
    IpcMode: ['private', 'none', 'shareable'],
    CgroupnsMode: ['private'],
    Runtime: ['runc'],
    Isolation: ['default'],
  }),
)
const plainLogDrivers = new Set(['', 'none', 'json-file', 'local', 'journald'])
/** The engine's own lists, if none are given; an empty list is not the same as none. */
const hiddenPaths = new Set(['MaskedPaths', 'ReadonlyPaths'])

/** All that a container of this body may reach on its host. */
export function accessOf({ HostConfig: host = {}, ...body }: CreateBody): Access[] {
  return [
    ...imageOf(body.Image),
    ...Object.keys(body)
      .filter(key => !ownConfig.has(key))
      .map(key => access(key, '', JSON.stringify(body[key]))),
    ...Object.entries(host).flatMap(([key, value]) => settingOf(key, value)),
    ...foldersOf(host),
    ...networksOf(host, body.NetworkingConfig),
  ]
}

/** What a body would reach that none of the others do. A folder that is given for writing may be asked for reading. */
export function wider(body: CreateBody, than: CreateBody[]): Access[] {
  const given = new Set(than.flatMap(each => accessOf(each)).map(({ key }) => key))
  return accessOf(body).filter(({ key }) => !given.has(key) && !given.has(key.replace(/ ro$/, ' rw')))
}

/** `HostConfig.Privileged, HostConfig.Binds (folder /)` */
export function describeAccess(list: Access[]): string {
  const texts = list.map(({ field, what }) => (what === '' ? field : `${field} (${what})`))
  return [...new Set(texts)].join(', ')
}

function access(field: string, what: string, detail: string): Access {
  return { field, what, key: `${field} ${detail}` }
}

/** Only what is named by its content is the same tomorrow. */
function imageOf(image: string): Access[] {
  if (image === '') return []
  if (/^(sha256:)?[0-9a-f]{64}$/.test(image)) return [access('Image', 'an image of the host', 'of the host')]
  if (!/@sha256:[0-9a-f]{64}$/.test(image)) return [access('Image', `${image}, without a digest`, image)]
  try {
    const { registry, repository } = parseImage('image', image)
    return [access('Image', `${registry}/${repository}`, `${registry}/${repository}`)]
  } catch {
    return [access('Image', 'not a reference', image)]
  }
}

function settingOf(key: string, value: unknown): Access[] {
  const field = `HostConfig.${key}`
  if (ownSettings.has(key) || ['Binds', 'Mounts', 'NetworkMode'].includes(key)) return []
  if (hiddenPaths.has(key)) return value === null ? [] : [access(field, '', JSON.stringify(value))]
  if (isNothing(value) || plainValues.get(key)?.includes(value) === true) return []
  if (key === 'LogConfig' && plainLogDrivers.has(typeOf(value))) return []
  if (!Array.isArray(value)) return [access(field, showScalar(value), JSON.stringify(value))]
  return value.map((each: unknown) => access(field, showScalar(each), JSON.stringify(each)))
}

function foldersOf({ Binds: binds, Mounts: mounts }: HostConfig): Access[] {
  const asked: HostConfig[] = [
    ...(binds ?? []).map(bind => ({ Binds: [bind] })),
    ...(mounts ?? []).map(mount => ({ Mounts: [mount] })),
  ]
  // One by one: of two at the same path, neither hides the other.
  return asked
    .flatMap(HostConfig => mountsOf({ HostConfig }))
    .flatMap(spec => {
      if (spec.form === 'tmpfs' || (spec.form === 'mount' && spec.mount.Type === 'tmpfs')) return []
      const options = spec.form === 'bind' ? bindOptions(spec.text) : mountOptions(spec.mount)
      const isPlain = /^volume( |$)/.test(spec.source) && options === ''
      if (isPlain) return []
      const field = spec.form === 'bind' ? 'HostConfig.Binds' : 'HostConfig.Mounts'
      // The same folder is the same access, whichever form asks for it.
      return [
        { field, what: spec.source, key: `mount ${spec.source}${options} ${spec.writable ? 'rw' : 'ro'}` },
      ]
    })
}

function bindOptions(text: string): string {
  const options = (text.split(':')[2] ?? '').split(',').filter(each => !['', 'ro', 'rw'].includes(each))
  return options.length > 0 ? ` ${options.sort().join()}` : ''
}

const mountKeys = new Set(['Type', 'Source', 'Target', 'ReadOnly', 'VolumeOptions', 'BindOptions'])

/** A volume with a driver's options can be any folder of the host. */
function mountOptions(mount: Mount): string {
  const { Labels: _labels, NoCopy: _copy, ...volume } = asRecord(mount['VolumeOptions'])
  const { Propagation, ...bind } = asRecord(mount['BindOptions'])
  const propagation = ['', 'rprivate', 'private', undefined].includes(Propagation as string)
    ? ''
    : Propagation
  const unknown = Object.keys(mount).filter(key => !mountKeys.has(key))
  const rest = [volume, bind, propagation, unknown.map(key => [key, mount[key]])]
  return isNothing(rest) ? '' : ` ${JSON.stringify(rest)}`
}

function networksOf(host: HostConfig, networking: CreateBody['NetworkingConfig']): Access[] {
  // As a record has it: a body without endpoints can be read from one, whatever the type says.
  const { EndpointsConfig: endpoints, ...unknown } = asRecord(networking)
  const names = new Set([host.NetworkMode ?? '', ...Object.keys(asRecord(endpoints))])
  return [
    ...[...names]
      .filter(name => name === 'host' || name.startsWith('container:'))
      .map(name => access('HostConfig.NetworkMode', name, name)),
    ...Object.keys(unknown).map(key => access(`NetworkingConfig.${key}`, '', 'unknown')),
  ]
}

function typeOf(value: unknown): string {
  const { Type: type, ...others } = asRecord(value)
  const known = Object.keys(others).every(key => key === 'Config')
  return known && typeof type === 'string' ? type : 'unknown'
}

function showScalar(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 60) : ''
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** null, "", 0, false, [] or {}, and what holds nothing else. */
function isNothing(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isNothing)
  return !value
}
