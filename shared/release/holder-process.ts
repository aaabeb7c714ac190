/**
 * The operating system's process that holds a lease, as it can be recognised by another process of the same machine. A
 * process number alone says nothing: it is given again, and means another process in another container.
 */
export interface HolderProcess {
  /** Of this record. A later format is not understood here, and its process counts as alive. */
  format: 1
  /** Name of the machine, for people. */
  host: string
  /** Number of the machine's boot (Linux: /proc/sys/kernel/random/boot_id): the same for all containers of a kernel. */
  boot: string
  /** The namespace that its number and its start are of (Linux: /proc/self/ns/pid and /proc/self/ns/time). */
  namespace: string
  pid: number
  /** When it was started, in clock ticks since the boot (Linux: /proc/PID/stat, field 22). */
  start: string
}

/**
 * Whether a process is known to have ended. Only one of the same boot and namespace can be known: that of another machine
 * or container is never judged, nor is a record that is not understood.
 */
export type HasEnded = (process: HolderProcess) => boolean

/** A record as it was read from where any program may have written it; undefined when it is of another format, or damaged. */
export function knownProcess(recorded: unknown): HolderProcess | undefined {
  if (typeof recorded !== 'object' || recorded === null) return undefined
  const { format, host, boot, namespace, pid, start } = recorded as Record<keyof HolderProcess, unknown>
  const texts = [host, boot, namespace, start]
  const isText = (value: unknown): value is string =>
    typeof value === 'string' && value !== '' && value.length <= 255
  if (format !== 1 || !texts.every(isText)) return undefined
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined
  return recorded as HolderProcess
}

/** `process 4711 on build-3` */
export function describeProcess({ pid, host }: HolderProcess): string {
  return `process ${pid} on ${host}`
}
