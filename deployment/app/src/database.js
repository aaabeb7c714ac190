import pg from 'pg'

import { withDeadline } from './deadline.js'
import { DatabaseUnavailable } from './errors.js'

const CONNECT_TIMEOUT_MS = 2_000
const QUERY_TIMEOUT_MS = 5_000
const PING_TIMEOUT_MS = 1_000

const NETWORK = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EPIPE',
]
/**
 * SQLSTATEs of a server that will not serve us now: connection, authorization, no such database, too busy, stopping,
 * and a lock that a migration did not get in time.
 */
const SQLSTATE = /^(08|28|3D|53|57P0|55P03)/
/** What pg and pg-pool say without a code. */
const MESSAGE =
  /timeout exceeded when trying to connect|Connection terminated|Query read timeout|not queryable/

/** A pool of PostgreSQL connections. Rejects with DatabaseUnavailable when the server, not the query, is to blame. */
export class Database {
  #pool
  #isLost

  /**
   * @param {{url: string, poolSize: number, log: import('./log.js').Log, isLost?: () => boolean}} options
   *   isLost: a rehearsal's switch; while it says true the database behaves as if nothing listened there
   */
  constructor({ url, poolSize, log, isLost = () => false }) {
    this.#isLost = isLost
    this.#pool = new pg.Pool({
      connectionString: url,
      max: poolSize,
      application_name: 'runbook-api',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: 30_000,
      query_timeout: QUERY_TIMEOUT_MS,
      statement_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
    })
    // A connection that breaks while idle. The pool drops it and opens another when one is needed.
    this.#pool.on('error', error => log.warn('idle database connection lost', { error }))
  }

  /**
   * @param {string} text
   * @param {unknown[]} [values]
   * @returns {Promise<any[]>} the rows
   */
  async query(text, values = []) {
    return this.#guard(async () => (await this.#pool.query(text, values)).rows)
  }

  /**
   * Runs `work` on one connection that no other caller uses meanwhile, without the pool's query timeouts.
   * @template T
   * @param {(client: pg.ClientBase) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async session(work) {
    return this.#guard(async () => {
      const { connectionString, application_name, connectionTimeoutMillis } = this.#pool.options
      const client = new pg.Client({ connectionString, application_name, connectionTimeoutMillis })
      client.on('error', () => {}) // the query that is under way rejects with the same error
      await client.connect()
      try {
        return await work(client)
      } finally {
        await client.end()
      }
    })
  }

  /** Resolves when the database has answered a query just now. */
  async ping() {
    await withDeadline(this.query('SELECT 1'), PING_TIMEOUT_MS, 'database')
  }

  /** Connections of this process: open, and of those idle; and queries that wait for one. */
  get connections() {
    return { open: this.#pool.totalCount, idle: this.#pool.idleCount, waiting: this.#pool.waitingCount }
  }

  async close() {
    await this.#pool.end()
  }

  /**
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async #guard(work) {
    if (this.#isLost()) {
      const refused = Object.assign(new Error('FAULT_DATABASE_LOST: connection refused'), {
        code: 'ECONNREFUSED',
      })
      throw new DatabaseUnavailable(refused)
    }
    try {
      return await work()
    } catch (error) {
      throw isUnavailable(error) ? new DatabaseUnavailable(error) : error
    }
  }
}

/** @param {unknown} error */
export function isUnavailable(error) {
  const { code = '', message = '' } = /** @type {{code?: string, message?: string}} */ (error)
  return NETWORK.includes(code) || SQLSTATE.test(code) || MESSAGE.test(message)
}
