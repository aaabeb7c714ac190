import { check } from '../dependencies.js'

/**
 * `/health` is about the process alone (liveness): a restart does not bring a lost database back. `/ready` is about
 * sending it traffic: started, not on its way out, and the database answers. A cache that goes away later is no reason
 * to take a process out, since everything works without it; one that was never there is a mistake in the release.
 * @param {import('../service.js').Ports} ports
 * @returns {import('../router.js').Route[]}
 */
export function healthRoutes({ config, lifecycle, database }) {
  const { version, release } = config
  return [
    {
      method: 'GET',
      path: '/health',
      handle: () => ({
        status: lifecycle.draining ? 503 : 200,
        json: { status: lifecycle.draining ? 'draining' : 'ok', version, release, uptime: lifecycle.uptime },
      }),
    },
    {
      method: 'GET',
      path: '/ready',
      handle: async () => {
        const waitsFor = await obstacle()
        return { status: waitsFor ? 503 : 200, json: { status: waitsFor ?? 'ready', version, release } }
      },
    },
  ]

  /** @returns {Promise<'draining' | 'starting' | 'database down' | undefined>} */
  async function obstacle() {
    if (lifecycle.draining) return 'draining'
    if (!lifecycle.started) return 'starting'
    return (await check(database)).status === 'down' ? 'database down' : undefined
  }
}
