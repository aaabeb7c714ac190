import { setTimeout as sleep } from 'node:timers/promises'

import { Cache } from './cache.js'
import { Database } from './database.js'
import { DatabaseUnavailable, publicReason } from './errors.js'
import { Faults } from './faults.js'
import { Lifecycle } from './lifecycle.js'
import { Metrics } from './metrics.js'
import { migrate, readMigrations } from './migrations.js'
import { healthRoutes } from './routes/health.js'
import { metricsRoutes } from './routes/metrics.js'
import { pingRoutes } from './routes/ping.js'
import { statusRoutes } from './routes/status.js'
import { usersRoutes } from './routes/users.js'
import { createHttpServer } from './server.js'
import { closeServer } from './shutdown.js'
import { System } from './system.js'
import { Traffic } from './traffic.js'
import { Users } from './users.js'

const RETRY_MS = 1_000

/**
 * @typedef {object} Ports everything that the routes work with
 * @property {import('./config.js').Config} config
 * @property {Lifecycle} lifecycle
 * @property {Database} database
 * @property {Cache} cache
 * @property {System} system
 * @property {Traffic} traffic
 * @property {Users} users
 * @property {Metrics} metrics
 */

/**
 * Builds the service and lets it listen. It answers /health at once, and /ready once `start` is done.
 * @param {import('./config.js').Config} config
 * @param {import('./log.js').Log} log
 */
export async function openService(config, log) {
  const faults = new Faults(config.faults)
  const lifecycle = new Lifecycle()
  const system = new System()
  const traffic = new Traffic()
  const database = new Database({ ...config.database, log, isLost: () => faults.isDatabaseLost })
  const cache = new Cache({ ...config.cache, log })
  const users = new Users({ database, cache })
  const parts = { config, lifecycle, database, cache, system, traffic, users }
  const ports = { ...parts, metrics: new Metrics(parts) }
  const routes = [healthRoutes, statusRoutes, metricsRoutes, pingRoutes, usersRoutes].flatMap(each =>
    each(ports),
  )
  const server = createHttpServer({ routes, log, traffic, faults, lifecycle })

  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(config.port, () => resolve(undefined))
  })
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())

  return {
    port,

    /**
     * Waits for database and cache, and brings the schema up to date. Gives up only when a migration is wrong: a
     * dependency that is away may come back, and restarting would not bring it.
     */
    async start() {
      faults.start()
      if (faults.active.length > 0) log.warn('faults are on', { faults: faults.active })
      await untilItAnswers('database', () => prepareDatabase())
      await untilItAnswers('cache', () => cache.ping())
      lifecycle.started = !lifecycle.draining
    },

    /** Finishes what is in flight and lets go of everything. @returns {Promise<{cut: number}>} */
    async stop() {
      lifecycle.draining = true
      const result = await closeServer(server, config.shutdownTimeout)
      faults.stop()
      system.stop()
      cache.close()
      await database.close()
      return result
    },
  }

  async function prepareDatabase() {
    if (!config.migrateOnStart) return database.ping()
    const migrations = await readMigrations(new URL('../migrations/', import.meta.url))
    await migrate({ database, migrations, log })
  }

  /** @param {string} name @param {() => Promise<void>} ask */
  async function untilItAnswers(name, ask) {
    for (let attempt = 1; !lifecycle.draining; attempt += 1) {
      try {
        return await ask()
      } catch (error) {
        if (name === 'database' && !(error instanceof DatabaseUnavailable)) throw error
        log.warn(`waiting for the ${name}`, { attempt, reason: publicReason(error) })
        await sleep(RETRY_MS)
      }
    }
  }
}
