import { toFamilies, toJson } from '../metrics.js'
import { CONTENT_TYPE, renderText, wantsText } from '../prometheus.js'

/**
 * `/api/v1/metrics`: JSON for people, Prometheus' text for Prometheus.
 * @param {import('../service.js').Ports} ports
 * @returns {import('../router.js').Route[]}
 */
export function metricsRoutes(ports) {
  return [
    {
      method: 'GET',
      path: '/api/v1/metrics',
      handle: async request => {
        const reading = await ports.metrics.read()
        const headers = { vary: 'accept' }
        return wantsText(request.headers.accept ?? '')
          ? {
              status: 200,
              headers,
              text: { type: CONTENT_TYPE, content: renderText(toFamilies(ports, reading)) },
            }
          : { status: 200, headers, json: toJson(ports, reading) }
      },
    },
  ]
}
