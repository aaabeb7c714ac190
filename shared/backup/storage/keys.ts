/** What a backup's key says of it. */
export interface BackupName {
  service: string
  environment: string
  /** Milliseconds since 1970, whole seconds: when the snapshot was taken. */
  takenAt: number
}

const pattern =
  /^(\d{8})\/backup_(\d{8}_\d{6})_([a-z0-9-]{1,63})_([a-z0-9-]{1,63})\.(?:dump\.zst(?:\.age|\.gpg)?|(json))$/

/** What a dump's key ends in: which tools open it, the last one first. */
export type Extension = '.dump.zst' | '.dump.zst.age' | '.dump.zst.gpg'

/**
 * `20231201/backup_20231201_143000_runbook-api_production.dump.zst`: the guide's name, in UTC, with the service and the
 * environment, so that several may share one store and none takes another's for its own.
 */
export function dumpKey({ service, environment, takenAt }: BackupName, extension: Extension): string {
  const stamp = stampOf(takenAt)
  return `${stamp.slice(0, 8)}/backup_${stamp}_${service}_${environment}${extension}`
}

/** Where the manifest of a dump lies: beside it. */
export function manifestKey(dump: string): string {
  return dump.replace(/\.dump\.zst(\.\w+)?$/, '.json')
}

/** Reads a key; undefined for anything that this suite did not name. */
export function parseKey(key: string): (BackupName & { kind: 'dump' | 'manifest' }) | undefined {
  const match = pattern.exec(key)
  if (!match) return undefined
  const [, folder = '', stamp = '', service = '', environment = '', manifest] = match
  const takenAt = parseStamp(stamp)
  if (takenAt === undefined || !stamp.startsWith(folder)) return undefined
  return { service, environment, takenAt, kind: manifest === undefined ? 'dump' : 'manifest' }
}

/** `YYYYMMDD_HHMMSS` in UTC. */
export function stampOf(time: number): string {
  return new Date(time).toISOString().replace(/[-:]/g, '').replace('T', '_').slice(0, 15)
}

/** Reads `YYYYMMDD_HHMMSS`; undefined when it is no time. */
export function parseStamp(stamp: string): number | undefined {
  const digits = /^(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)$/.exec(stamp)
  if (!digits) return undefined
  const [, year, month, day, hour, minute, second] = digits
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return !Number.isNaN(time) && stampOf(time) === stamp ? time : undefined
}
