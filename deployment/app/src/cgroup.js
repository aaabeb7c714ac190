import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A v1 memory limit this large means "none": the kernel rounds its maximum down to a page. */
const V1_UNLIMITED = 2 ** 62

/**
 * @typedef {object} Cgroup
 * @property {number | undefined} memoryLimit bytes; undefined without a limit
 * @property {number | undefined} memoryUsed bytes that the kernel cannot take back at once (usage less inactive file
 *   cache): what `kubectl top` shows and what the limit is compared with before a pod is evicted
 * @property {number | undefined} cpuLimit cores; undefined without a limit
 * @property {number | undefined} cpuUsed seconds of CPU time since the group was made
 */

/**
 * Reads this process's control group, version 1 or 2. Everything is undefined where there is none (macOS, Windows).
 * @param {string} [root] the file system's root, for tests
 * @returns {Cgroup}
 */
export function readCgroup(root = '/') {
  const read = reader(root)
  return read('', 'cgroup.controllers') === undefined ? version1(read) : version2(read)
}

/** @typedef {(controller: string, file: string) => string | undefined} Read */

/**
 * Finds a file of this process's group. /proc/self/cgroup names the group as the host sees it; inside a container its
 * own group is often mounted at the root instead, so that is the second place to look.
 * @param {string} root
 * @returns {Read}
 */
function reader(root) {
  const lines = (text(join(root, 'proc/self/cgroup')) ?? '').split('\n').map(line => line.split(':'))
  return (controller, file) => {
    const line = lines.find(([, controllers]) => (controllers ?? '').split(',').includes(controller))
    const mount = join(root, 'sys/fs/cgroup', controller)
    return text(join(mount, line?.[2] ?? '', file)) ?? text(join(mount, file))
  }
}

/** @param {Read} read @returns {Cgroup} */
function version2(read) {
  const [quota, period] = (read('', 'cpu.max') ?? 'max 100000').split(' ').map(Number)
  return {
    memoryLimit: number(read('', 'memory.max')),
    memoryUsed: less(read('', 'memory.current'), field(read('', 'memory.stat'), 'inactive_file')),
    cpuLimit: quota && period ? quota / period : undefined,
    cpuUsed: scaled(field(read('', 'cpu.stat'), 'usage_usec'), 1e6),
  }
}

/** @param {Read} read @returns {Cgroup} */
function version1(read) {
  const limit = number(read('memory', 'memory.limit_in_bytes'))
  const quota = number(read('cpu', 'cpu.cfs_quota_us'))
  const period = number(read('cpu', 'cpu.cfs_period_us'))
  return {
    memoryLimit: limit !== undefined && limit < V1_UNLIMITED ? limit : undefined,
    memoryUsed: less(
      read('memory', 'memory.usage_in_bytes'),
      field(read('memory', 'memory.stat'), 'total_inactive_file'),
    ),
    cpuLimit: quota && period && quota > 0 ? quota / period : undefined,
    cpuUsed: scaled(number(read('cpuacct', 'cpuacct.usage')), 1e9),
  }
}

/** @param {string} path */
function text(path) {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined // not there, or not ours to read: the caller has another place to look
  }
}

/** @param {string | undefined} value `max` and anything else that is no number is undefined */
function number(value) {
  return value !== undefined && /^-?\d+$/.test(value) ? Number(value) : undefined
}

/** @param {string | undefined} stat lines of `name value` @param {string} name */
function field(stat, name) {
  return number(
    stat
      ?.split('\n')
      .find(line => line.startsWith(`${name} `))
      ?.slice(name.length + 1),
  )
}

/** @param {string | undefined} usage @param {number | undefined} reclaimable */
function less(usage, reclaimable = 0) {
  const used = number(usage)
  return used === undefined ? undefined : Math.max(0, used - reclaimable)
}

/** @param {number | undefined} value @param {number} unit */
function scaled(value, unit) {
  return value === undefined ? undefined : value / unit
}
