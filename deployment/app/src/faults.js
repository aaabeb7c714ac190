import { setTimeout as sleep } from 'node:timers/promises'

import { HttpError } from './errors.js'

/**
 * Illnesses for rehearsals, switched on by configuration alone: the same image can be well in staging and ill in
 * production. None is on by default.
 */
export class Faults {
  #settings
  #random
  #databaseLost = false
  /** @type {NodeJS.Timeout[]} */
  #timers = []
  /** Kept so that the memory stays in use. @type {Buffer[]} */
  #grown = []

  /**
   * @param {import('./config.js').Config['faults']} settings
   * @param {() => number} [random] from 0 up to 1
   */
  constructor(settings, random = Math.random) {
    this.#settings = settings
    this.#random = random
    this.#databaseLost = settings.databaseLostAfter === 0
  }

  /** Names of the faults that are on; empty when the service is well. */
  get active() {
    const { errorRate, latency, crashAfter, memoryGrowth, databaseLostAfter } = this.#settings
    return Object.entries({
      FAULT_ERROR_RATE: errorRate > 0,
      FAULT_LATENCY: latency > 0,
      FAULT_CRASH_AFTER: crashAfter !== undefined,
      FAULT_MEMORY_GROWTH: memoryGrowth > 0,
      FAULT_DATABASE_LOST: databaseLostAfter !== undefined,
    }).flatMap(([name, on]) => (on ? [name] : []))
  }

  get isDatabaseLost() {
    return this.#databaseLost
  }

  /** Starts what comes with time: the crash, the leak, the lost database. */
  start() {
    const { crashAfter, memoryGrowth, databaseLostAfter } = this.#settings
    if (crashAfter !== undefined) {
      this.#timers.push(
        setTimeout(() => {
          throw new Error(`FAULT_CRASH_AFTER: crashed ${crashAfter} ms after start, as configured`)
        }, crashAfter),
      )
    }
    if (memoryGrowth > 0) {
      // Filled, since memory that was never written to is not in use.
      this.#timers.push(setInterval(() => this.#grown.push(Buffer.alloc(memoryGrowth, 1)), 1_000))
    }
    if (databaseLostAfter) {
      this.#timers.push(setTimeout(() => (this.#databaseLost = true), databaseLostAfter))
    }
  }

  stop() {
    for (const timer of this.#timers) clearTimeout(timer)
  }

  /**
   * Makes a request slow or fails it, as configured. Only the API is ill: /health and /ready tell the truth about the
   * process.
   * @param {string} path
   */
  async strike(path) {
    if (!path.startsWith('/api/')) return
    const { latency, errorRate } = this.#settings
    if (latency > 0) await sleep(latency)
    if (this.#random() < errorRate)
      throw new HttpError(500, 'injected-fault', 'FAULT_ERROR_RATE: failed as configured.')
  }
}
