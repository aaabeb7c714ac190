import { readFileSync, readlinkSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'

/** What tells a process from any other: its number alone is given again, and means another one in another container. */
export interface ProcessIdentity {
  /** Name of the machine, for people. */
  host: string
  /** The boot of the machine (/proc/sys/kernel/random/boot_id): the same in all containers of a kernel. */
  boot: string
  /** The namespaces that its number and its start are of (/proc/self/ns/pid and /proc/self/ns/time). */
  namespace: string
  pid: number
  /** When it was started, in clock ticks since the boot (/proc/PID/stat, field 22). */
  start: string
}

/**
 * A process of this machine.
 * @returns undefined where the kernel does not tell what it takes (no /proc, as on macOS): then nothing is recorded, and
 * its lease is waited for until its deadline
 */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const around = readSurroundings()
  const stat = around && readStat(pid)
  return stat && { host: hostname(), ...around, pid, start: stat.start }
}

/**
 * Whether a process has ended, as far as this machine can know: the same boot and namespace, and no such process, or one
 * that was started at another time, or one that is dead and only not yet reaped.
 */
export function hasEnded(asked: ProcessIdentity): boolean {
  const around = readSurroundings()
  if (around?.boot !== asked.boot || around.namespace !== asked.namespace) return false
  if (!exists(asked.pid)) return true
  const stat = readStat(asked.pid)
  // Another user's process may be there and not be readable (mount option hidepid).
  if (!stat) return !exists(asked.pid)
  return stat.start !== asked.start || ['Z', 'X'].includes(stat.state)
}

function readSurroundings(): Pick<ProcessIdentity, 'boot' | 'namespace'> | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return { boot, namespace: `${readlinkSync('/proc/self/ns/pid')} ${timeNamespace()}`.trim() }
  } catch {
    return undefined
  }
}

/** Start times are shifted in a time namespace of its own; kernels before 5.6 have none. */
function timeNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/time')
  } catch {
    return ''
  }
}

/** The account of this process; `uid 1000` where it has no name, as in many containers. */
export function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}

/** Signal 0 only asks; a process of another user answers EPERM. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Fields 3 and 22 of proc(5); the name in field 2 may hold blanks and parentheses. */
function readStat(pid: number): { state: string; start: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const [state, start] = [fields[0], fields[19]]
    return state !== undefined && start !== undefined && /^\d+$/.test(start) ? { state, start } : undefined
  } catch {
    return undefined
  }
}
