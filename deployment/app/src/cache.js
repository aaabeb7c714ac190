import { Redis } from 'ioredis'

const COMMAND_TIMEOUT_MS = 500
const LONGEST_RETRY_MS = 2_000

/**
 * Redis as a cache: it may be away at any time, then everything is a miss and writes are dropped. Only `ping` tells.
 */
export class Cache {
  #redis
  #log
  #up = true
  /** Why the connection is lost; commands meanwhile only say that it is. @type {Error | undefined} */
  #lostBecause

  /** @param {{url: string, password?: string | undefined, log: import('./log.js').Log}} options */
  constructor({ url, password, log }) {
    this.#log = log
    this.#redis = new Redis(url, {
      ...(password === undefined ? {} : { password }),
      connectionName: 'runbook-api',
      connectTimeout: 2_000,
      commandTimeout: COMMAND_TIMEOUT_MS,
      // Fail at once while disconnected: a request must not wait for a cache to come back.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: attempt => Math.min(attempt * 100, LONGEST_RETRY_MS),
    })
    this.#redis.on('error', error => this.#becomes(false, error))
    this.#redis.on('ready', () => this.#becomes(true))
  }

  /**
   * @param {string} key
   * @returns {Promise<unknown>} undefined when it is not there or cannot be asked
   */
  async get(key) {
    try {
      const text = await this.#redis.get(key)
      return text === null ? undefined : JSON.parse(text)
    } catch (error) {
      this.#log.debug('cache read failed', { error })
      return undefined
    }
  }

  /** @param {string} key @param {unknown} value @param {number} seconds how long it stays */
  async set(key, value, seconds) {
    await this.#attempt(this.#redis.set(key, JSON.stringify(value), 'EX', seconds))
  }

  /** @param {string} key */
  async delete(key) {
    await this.#attempt(this.#redis.del(key))
  }

  /** Resolves when the cache has answered just now. Rejects with a code, such as ECONNREFUSED or WRONGPASS. */
  async ping() {
    try {
      await this.#redis.ping()
    } catch (error) {
      const cause = /** @type {Error & {code?: string}} */ (this.#lostBecause ?? error)
      // Redis puts its codes first in the message.
      const code = cause.code ?? /^[A-Z]+(?= )/.exec(cause.message)?.[0] ?? 'ETIMEDOUT'
      throw Object.assign(new Error(cause.message, { cause }), { code })
    }
  }

  close() {
    this.#redis.disconnect()
  }

  /** @param {Promise<unknown>} write */
  async #attempt(write) {
    try {
      await write
    } catch (error) {
      this.#log.debug('cache write failed', { error })
    }
  }

  /** Says it once when the connection is lost and once when it is back, not at every attempt. @param {boolean} up @param {Error} [error] */
  #becomes(up, error) {
    if (up !== this.#up)
      this.#log[up ? 'info' : 'warn'](up ? 'cache is back' : 'cache lost', error ? { error } : {})
    this.#up = up
    this.#lostBecause = error
  }
}
