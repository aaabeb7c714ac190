import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { z } from 'zod'

/** As much of Grafana's HTTP API as the suite speaks; it refuses what Grafana's published description does not have. */
export interface GrafanaStandIn {
  url: string
  dashboards: { uid: string; title: string }[]
  annotations: { text: string; tags: string[] }[]
  stop(): Promise<void>
}

// SaveDashboardCommand and PostAnnotationsCmd of Grafana's OpenAPI description (public/api-merged.json), with the parts
// that matter of the dashboard's JSON model.
const saveDashboard = z.strictObject({
  dashboard: z.looseObject({
    uid: z.string().regex(/^[a-zA-Z0-9_-]{1,40}$/),
    title: z.string().min(1),
    schemaVersion: z.int(),
    panels: z.array(
      z.looseObject({
        id: z.int().positive(),
        type: z.enum(['timeseries', 'stat']),
        gridPos: z.strictObject({ h: z.int(), w: z.int().max(24), x: z.int().max(23), y: z.int() }),
        targets: z.array(z.looseObject({ refId: z.string().min(1), expr: z.string().min(1) })).min(1),
      }),
    ),
  }),
  overwrite: z.boolean().optional(),
  message: z.string().optional(),
  folderUid: z.string().optional(),
})
const postAnnotation = z.strictObject({
  time: z.int().positive(),
  timeEnd: z.int().positive().optional(),
  tags: z.array(z.string()).optional(),
  text: z.string().min(1),
  dashboardUID: z.string().optional(),
})

export async function startGrafana(token: string): Promise<GrafanaStandIn> {
  const dashboards: GrafanaStandIn['dashboards'] = []
  const annotations: GrafanaStandIn['annotations'] = []
  const answerTo = (path: string, body: unknown): object => {
    if (path === '/api/dashboards/db') {
      const { uid, title } = saveDashboard.parse(body).dashboard
      dashboards.push({ uid, title })
      return { id: dashboards.length, uid, url: `/d/${uid}/x`, status: 'success', version: 1, slug: 'x' }
    }
    if (path === '/api/annotations') {
      const { text, tags = [] } = postAnnotation.parse(body)
      annotations.push({ text, tags })
      return { message: 'Annotation added', id: annotations.length }
    }
    throw new Error(`not found: ${path}`)
  }
  const server = createServer((asked, answer) => {
    const end = (status: number, said: object) =>
      answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said))
    if (asked.headers.authorization !== `Bearer ${token}`) {
      asked.resume()
      end(401, { message: 'Invalid API key' })
      return
    }
    json(asked)
      .then(body => end(200, answerTo(asked.url ?? '', body)))
      .catch((error: unknown) => end(400, { message: String(error) }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    dashboards,
    annotations,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
