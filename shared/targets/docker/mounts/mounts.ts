import { withoutEnd } from '../../../outcome/strip.ts'
import { posix } from 'node:path'
import type { ContainerDetail, CreateBody, HostConfig, Mount } from '../engine/containers.ts'

/** One mount of a container, in the form in which the engine is asked for it. */
export type MountSpec = MountRequest & {
  /** Where it is in the container, without a slash at its end. */
  path: string
  /** What is mounted: `volume orders-data`, `folder /srv/orders`, `tmpfs`; for people. */
  source: string
  writable: boolean
  /** What two mounts have in common that show the same files; undefined for what is each container's own. */
  shares: { volume: string } | { folder: string } | undefined
}

type MountRequest =
  /** `HostConfig.Binds`: `orders-data:/data:ro` */
  | { form: 'bind'; text: string }
  /** `HostConfig.Mounts` */
  | { form: 'mount'; mount: Mount }
  /** `HostConfig.Tmpfs` */
  | { form: 'tmpfs'; options: string }

/** Host paths that are no data: two containers may have them open at once. */
const isSystemPath = (path: string) =>
  path.endsWith('.sock') || /^\/(dev|proc|sys|run\/udev)(\/|$)/.test(path)

/** A container path as it is compared: `/data/` and `/data` are one place. */
export function mountPath(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 ? withoutEnd(normal, '/') : normal
}

/**
 * Every mount that a container has, each path once, in the form that creates it again: as it was asked for where that
 * says which volume it is; by the name of the volume where the engine made one up (`-v /data`, `VOLUME` of the image) or
 * took it from another container (`--volumes-from`).
 */
export function mountsOf({ HostConfig: host = {}, Mounts: found = [] }: MountSource): MountSpec[] {
  const at = new Map(found.map(each => [mountPath(each.Destination), each]))
  const specs = [
    ...(host.Binds ?? []).map(ofBind),
    ...(host.Mounts ?? []).map(mount => ofMount(mount, at.get(mountPath(mount.Target))?.Name)),
    ...Object.entries(host.Tmpfs ?? {}).map(([path, options]): MountSpec => ofTmpfs(path, options)),
    ...found.map(ofFound),
  ]
  const byPath = new Map<string, MountSpec>()
  for (const spec of specs) if (spec && !byPath.has(spec.path)) byPath.set(spec.path, spec)
  return [...byPath.values()]
}

/** A container as it was asked for, and, where it exists, what the engine says of its mounts. */
export type MountSource = Pick<CreateBody, 'HostConfig'> & Pick<ContainerDetail, 'Mounts'>

/** The part of `HostConfig` that creates mounts; nothing is taken from other containers any more. */
export function hostMounts(specs: MountSpec[]): Pick<HostConfig, 'Binds' | 'Mounts' | 'Tmpfs'> {
  const binds = specs.flatMap(spec => (spec.form === 'bind' ? [spec.text] : []))
  const mounts = specs.flatMap(spec => (spec.form === 'mount' ? [spec.mount] : []))
  const tmpfs = specs.flatMap((spec): [string, string][] =>
    spec.form === 'tmpfs' ? [[spec.path, spec.options]] : [],
  )
  return {
    ...(binds.length > 0 ? { Binds: binds } : {}),
    ...(mounts.length > 0 ? { Mounts: mounts } : {}),
    ...(tmpfs.length > 0 ? { Tmpfs: Object.fromEntries(tmpfs) } : {}),
  }
}

/** A mount as the runbook and `docker run -v` write it: `orders-data:/data`, `/srv/orders:/data:ro`. */
export function ofBind(text: string): MountSpec {
  const [source = '', path = '', options = ''] = text.split(':')
  const writable = !options.split(',').includes('ro')
  const folder = source.startsWith('/')
  return {
    form: 'bind',
    text,
    path: mountPath(path),
    source: folder ? `folder ${source}` : `volume ${source}`,
    writable,
    shares: folder ? ofFolder(source) : { volume: source },
  }
}

/** The volume that keeps what an image declares as its data: it belongs to the service, not to one container. */
export function ofImageVolume(volume: string, path: string, labels: Record<string, string>): MountSpec {
  const mount = { Type: 'volume', Source: volume, Target: path, VolumeOptions: { Labels: labels } }
  return ofMount(mount, volume)
}

function ofMount(mount: Mount, madeUp: string | undefined): MountSpec {
  const { Type: type, Target: target, ReadOnly: readOnly = false } = mount
  const asked = mount.Source ?? ''
  const source = asked === '' && type === 'volume' ? (madeUp ?? '') : asked
  const shares = type === 'volume' ? { volume: source } : type === 'bind' ? ofFolder(source) : undefined
  return {
    form: 'mount',
    mount: source === '' ? mount : { ...mount, Source: source },
    path: mountPath(target),
    source: type === 'bind' ? `folder ${source}` : [type, source].filter(Boolean).join(' '),
    writable: !readOnly && type !== 'image',
    shares: source === '' ? undefined : shares,
  }
}

function ofTmpfs(path: string, options: string): MountSpec {
  return { form: 'tmpfs', options, path: mountPath(path), source: 'tmpfs', writable: true, shares: undefined }
}

/** A mount that only the engine's own account of the container has. */
function ofFound({ Type, Name, Source, Destination, RW }: FoundMount): MountSpec | undefined {
  const source = Type === 'volume' ? Name : Source
  if (!source || !['volume', 'bind'].includes(Type)) return undefined
  return ofMount({ Type, Source: source, Target: Destination, ...(RW ? {} : { ReadOnly: true }) }, undefined)
}

type FoundMount = NonNullable<ContainerDetail['Mounts']>[number]

function ofFolder(path: string): MountSpec['shares'] {
  return isSystemPath(path) ? undefined : { folder: mountPath(path) }
}

/**
 * The mounts of a new release: those that the runbook names; whatever else the previous container had, so that no data
 * is left behind; and for each path that the image declares as a volume and that is still missing, one of the service's
 * own, since the engine would give each container another one.
 */
export function planMounts(
  named: MountSpec[],
  previous: MountSpec[],
  declared: string[],
  ownVolume: (path: string) => MountSpec,
): MountSpec[] {
  const taken = new Set(named.map(({ path }) => path))
  const carried = previous.filter(({ path }) => !taken.has(path))
  for (const { path } of carried) taken.add(path)
  const own = [...new Set(declared.map(mountPath))].filter(path => !taken.has(path)).map(ownVolume)
  // In one order, however the engine lists them: two equal releases are equal texts.
  return [...named, ...carried, ...own].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/**
 * The mounts that a new container may write to, and whose files a running one has open too: a database file that two
 * processes write to is damaged.
 */
export function sharedForWriting(next: MountSpec[], running: MountSpec[]): MountSpec[] {
  return next.filter(
    ({ writable, shares }) =>
      writable && shares && running.some(other => other.shares && overlap(shares, other.shares)),
  )
}

function overlap(a: NonNullable<MountSpec['shares']>, b: NonNullable<MountSpec['shares']>): boolean {
  if ('volume' in a) return 'volume' in b && a.volume === b.volume
  if (!('folder' in b)) return false
  const inside = (inner: string, outer: string) =>
    inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`)
  return inside(a.folder, b.folder) || inside(b.folder, a.folder)
}
