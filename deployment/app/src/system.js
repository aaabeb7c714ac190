import { statfs } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'

import { readCgroup } from './cgroup.js'

/** CPU use and event loop delay are told over the last interval of this length: one busy moment is no alarm. */
const SAMPLE_INTERVAL_MS = 5_000
/** How often the event loop is looked at. */
const LOOP_RESOLUTION_MS = 10

/** @typedef {{usedPercent: number | null, of: string}} Usage what share is in use, and what 100% is */

/**
 * Measures what this process may use up: the container's limits where it has limits, else the whole host.
 */
export class System {
  #eventLoop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  /** What the last whole interval showed. @type {{cpu: Usage, eventLoopDelay: Delay} | undefined} */
  #last
  #before = cpuSample()
  #timer = setInterval(() => this.#sample(), SAMPLE_INTERVAL_MS).unref()

  constructor() {
    this.#eventLoop.enable()
  }

  /** CPU time used of what the limit (or the host) allows, over the last 5 s. @returns {Usage} */
  cpu() {
    return this.#last?.cpu ?? cpuBetween(this.#before, cpuSample())
  }

  /** Memory used of the container's limit, or of the host's. @returns {Usage & {usedBytes: number, totalBytes: number}} */
  memory() {
    const { memoryLimit, memoryUsed } = readCgroup()
    if (memoryLimit !== undefined && memoryUsed !== undefined && memoryLimit < os.totalmem()) {
      return {
        ...usage(memoryUsed, memoryLimit, 'container limit'),
        usedBytes: memoryUsed,
        totalBytes: memoryLimit,
      }
    }
    const total = os.totalmem()
    const used = total - availableMemory()
    return { ...usage(used, total, 'host'), usedBytes: used, totalBytes: total }
  }

  /** Space used on the file system that holds the service, as `df` counts it. @returns {Promise<Usage>} */
  async disk() {
    const path = process.cwd()
    const { blocks, bfree, bavail } = await statfs(path)
    const used = blocks - bfree
    return usage(used, used + bavail, `file system of ${path}`)
  }

  /** How late the event loop came to its timers, in seconds, over the last 5 s. @returns {Delay} */
  eventLoopDelay() {
    return this.#last?.eventLoopDelay ?? delayIn(this.#eventLoop)
  }

  stop() {
    clearInterval(this.#timer)
    this.#eventLoop.disable()
  }

  #sample() {
    const now = cpuSample()
    this.#last = { cpu: cpuBetween(this.#before, now), eventLoopDelay: delayIn(this.#eventLoop) }
    this.#before = now
    this.#eventLoop.reset()
  }
}

/** @typedef {{p50: number, p99: number, max: number}} Delay */

/** @param {ReturnType<typeof monitorEventLoopDelay>} histogram of nanoseconds from one look to the next @returns {Delay} */
function delayIn(histogram) {
  const late = (/** @type {number} */ nanoseconds) =>
    round(Math.max(0, nanoseconds / 1e9 - LOOP_RESOLUTION_MS / 1e3), 6)
  return {
    p50: late(histogram.percentile(50)),
    p99: late(histogram.percentile(99)),
    max: late(histogram.max),
  }
}

/** @typedef {{at: number, cgroupUsed: number | undefined, limit: number | undefined, busy: number, all: number}} CpuSample */

/** Seconds of CPU time used so far by the container, and by the whole host (busy, and busy with idle). @returns {CpuSample} */
function cpuSample() {
  const { cpuLimit, cpuUsed } = readCgroup()
  const times = os
    .cpus()
    .map(({ times: { user, nice, sys, idle, irq } }) => ({ busy: user + nice + sys + irq, idle }))
  const busy = times.reduce((sum, cpu) => sum + cpu.busy, 0) / 1000
  const all = busy + times.reduce((sum, cpu) => sum + cpu.idle, 0) / 1000
  return { at: performance.now() / 1000, cgroupUsed: cpuUsed, limit: cpuLimit, busy, all }
}

/** @param {CpuSample} before @param {CpuSample} after @returns {Usage} */
export function cpuBetween(before, after) {
  if (after.limit !== undefined && after.cgroupUsed !== undefined && before.cgroupUsed !== undefined) {
    return usage(
      after.cgroupUsed - before.cgroupUsed,
      (after.at - before.at) * after.limit,
      'container limit',
    )
  }
  return usage(after.busy - before.busy, after.all - before.all, 'host')
}

/** @param {number} used @param {number} total @param {string} of @returns {Usage} null when nothing can be said yet */
function usage(used, total, of) {
  // The two are not read at the same instant, so that a little more than all can come out.
  return { usedPercent: total > 0 ? Math.min(100, round((100 * used) / total, 1)) : null, of }
}

/** What a new process could have without swapping. `os.freemem` alone counts caches as used. */
function availableMemory() {
  try {
    const match = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))
    return match ? Number(match[1]) * 1024 : os.freemem()
  } catch {
    return os.freemem()
  }
}

/** @param {number} value @param {number} digits */
function round(value, digits) {
  return Number(value.toFixed(digits))
}
