import { variablesOf, type CreateBody } from '../engine/containers.ts'
import { mountsOf } from '../mounts/mounts.ts'
import { isEmpty } from '../apply/recreation.ts'

/**
 * What a release changes, line by line, against what runs: also what it leaves out, whatever that is called. Variables,
 * labels, commands and options are named only, since their values may be secrets.
 */
export function diffOf(before: CreateBody | undefined, after: CreateBody): string {
  if (!before) return [`+ image: ${after.Image}`, ...mountLines({ Image: '' }, after)].join('\n')
  return [
    ...(before.Image === after.Image ? [] : [`- image: ${before.Image}`, `+ image: ${after.Image}`]),
    ...changedNames('env', variablesOf(before), variablesOf(after)),
    ...mountLines(before, after),
    ...changedNames('network', networksOf(before), networksOf(after)),
    ...changedNames('label', labelsOf(before), labelsOf(after)),
    ...settingLines(before.HostConfig ?? {}, after.HostConfig ?? {}),
    ...settingLines(configOf(before), configOf(after)),
  ].join('\n')
}

function changedNames(
  what: string,
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].sort().flatMap(name => {
    if (!(name in after)) return [`- ${what} ${name}`]
    if (!(name in before)) return [`+ ${what} ${name}`]
    return JSON.stringify(before[name]) === JSON.stringify(after[name]) ? [] : [`~ ${what} ${name}`]
  })
}

function mountLines(before: CreateBody, after: CreateBody): string[] {
  const lines = (body: CreateBody) =>
    mountsOf(body).map(
      ({ path, source, writable }) => `mount ${path}: ${source}${writable ? '' : ', read-only'}`,
    )
  const [old, now] = [lines(before), lines(after)]
  return [
    ...old.filter(line => !now.includes(line)).map(line => `- ${line}`),
    ...now.filter(line => !old.includes(line)).map(line => `+ ${line}`),
  ]
}

/** The networks that a container joins by name, each with how; the engine's own default is not named. */
function networksOf({ NetworkingConfig: networking, HostConfig: host }: CreateBody): Record<string, unknown> {
  const mode = host?.NetworkMode ?? 'default'
  const isDefault = (name: string) => ['default', 'bridge'].includes(name)
  const endpoints = networking?.EndpointsConfig ?? {}
  const all = mode in endpoints ? endpoints : { ...endpoints, [mode]: {} }
  return Object.fromEntries(Object.entries(all).filter(([name]) => !isDefault(name)))
}

/** Labels of the service; those that say which release a container is of are in every one. */
function labelsOf({ Labels: labels = {} }: CreateBody): Record<string, unknown> {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !name.startsWith('runbook.')))
}

function configOf({
  Image: _image,
  Env: _env,
  Labels: _labels,
  HostConfig: _host,
  NetworkingConfig: _networking,
  ExposedPorts: _exposed,
  ...config
}: CreateBody): Record<string, unknown> {
  return config
}

/** Shown with their values: none of them can hold a secret. */
const plain = new Set(
  (
    'PortBindings RestartPolicy Memory MemorySwap MemoryReservation NanoCpus CpuShares CpuQuota CpuPeriod CpusetCpus ' +
    'PidsLimit CapAdd CapDrop Privileged ReadonlyRootfs ShmSize Ulimits GroupAdd IpcMode PidMode UTSMode UsernsMode ' +
    'CgroupParent Runtime Init Devices ExtraHosts Dns DnsSearch User Hostname Domainname WorkingDir StopSignal StopTimeout'
  ).split(' '),
)
/** Shown another way, or no part of what the service is. */
const elsewhere = new Set([
  'Binds',
  'Mounts',
  'Tmpfs',
  'Volumes',
  'NetworkMode',
  'AutoRemove',
  'ConsoleSize',
  'ContainerIDFile',
  'OnBuild',
  // How the client that created it was attached to it.
  'AttachStdin',
  'AttachStdout',
  'AttachStderr',
  'StdinOnce',
])

function settingLines(before: Record<string, unknown>, after: Record<string, unknown>): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].sort().flatMap(key => {
    const [old, now] = [before[key], after[key]].map(value => (isUnset(key, value) ? undefined : value))
    if (elsewhere.has(key) || JSON.stringify(old) === JSON.stringify(now)) return []
    if (!plain.has(key)) return [`${now === undefined ? '-' : old === undefined ? '+' : '~'} ${key}`]
    return [
      ...(old === undefined ? [] : [`- ${key}: ${JSON.stringify(old)}`]),
      ...(now === undefined ? [] : [`+ ${key}: ${JSON.stringify(now)}`]),
    ]
  })
}

/** What an engine fills in where nothing was asked for (moby: daemon/container_operations, runconfig). */
const engineDefaults = new Map<string, unknown[]>(
  Object.entries({
    ShmSize: [64 * 2 ** 20],
    Runtime: ['runc', 'io.containerd.runc.v2'],
    IpcMode: ['private', 'shareable'],
    CgroupnsMode: ['private', 'host'],
    MemorySwappiness: [-1],
    StopSignal: ['SIGTERM'],
  }),
)

function isUnset(key: string, value: unknown): boolean {
  if (isEmpty(value) || engineDefaults.get(key)?.includes(value)) return true
  if (key === 'MaskedPaths' || key === 'ReadonlyPaths') return true
  if (key === 'RestartPolicy') return (value as { Name?: string }).Name === 'no'
  if (key !== 'LogConfig') return false
  const { Type: type, Config: config } = value as { Type?: string; Config?: unknown }
  return type === 'json-file' && isEmpty(config)
}
