/**
 * `/api/v1/ping`: the cheapest request of the API, for measuring the way to it.
 * @returns {import('../router.js').Route[]}
 */
export function pingRoutes() {
  return [
    {
      method: 'GET',
      path: '/api/v1/ping',
      handle: () => ({ status: 200, json: { pong: true, time: new Date().toISOString() } }),
    },
  ]
}
