import { check } from '../dependencies.js'

/**
 * `/api/v1/status`: everything that can be said about this process, measured now. It reports numbers and judges only
 * what cannot be argued about: a dependency that does not answer. Thresholds belong to the caller.
 * @param {import('../service.js').Ports} ports
 * @returns {import('../router.js').Route[]}
 */
export function statusRoutes({ config, lifecycle, database, cache, system }) {
  return [
    {
      method: 'GET',
      path: '/api/v1/status',
      handle: async () => {
        const [databaseCheck, cacheCheck, disk] = await Promise.all([
          check(database),
          check(cache),
          system.disk(),
        ])
        const { usedPercent, of } = system.memory()
        const status =
          databaseCheck.status === 'down' ? 'unavailable' : cacheCheck.status === 'down' ? 'degraded' : 'ok'
        return {
          status: status === 'ok' ? 200 : 503,
          json: {
            status,
            version: config.version,
            release: config.release,
            environment: config.environment,
            uptime: lifecycle.uptime,
            checks: {
              database: databaseCheck,
              cache: cacheCheck,
              memory: { usedPercent, of },
              cpu: system.cpu(),
              disk,
            },
          },
        }
      },
    },
  ]
}
