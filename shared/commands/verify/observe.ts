import { isExpected, messageOf } from '../../outcome/errors.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import { openHttp } from '../../integrations/http/http.ts'
import { HttpFault } from '../../integrations/http/http-fault.ts'
import { vitalSigns } from '../../report/vital-signs.ts'
import type { Environment } from '../../config/environment.ts'
import type { Target } from '../../targets/target.ts'
import type { Ports } from '../step/ports.ts'

/** Lines of each instance's log: what an operator reads before opening the log itself. */
const logLines = 20
/** The guide's path, and the one that exporters use by convention. */
const metricPaths = ['/api/v1/metrics', '/metrics']
const metricsTimeoutMs = 3_000

/**
 * What an operator looks at after a release was restored: the end of the service's log, what it and its target measure.
 * What cannot be had is left out, or said; it never keeps a restore from ending.
 */
export async function observe(environment: Environment, target: Target, ports: Ports): Promise<Evidence[]> {
  const seen = await Promise.all([
    tolerated('log of the service', ports, async () => {
      const text = (await target.logs(logLines)).trimEnd()
      return text === '' ? undefined : note('log of the service', 'the last lines:', text)
    }),
    tolerated('metrics', ports, async () => (await readMetrics(environment.url, ports))[0]),
    tolerated('resources', ports, async () => {
      const text = await target.usage()
      return text === '' ? undefined : note('resources', 'in use by each instance:', text)
    }),
  ])
  return seen.filter(each => each !== undefined)
}

/** The well-known metrics of the service at this URL; nothing where it serves none, or does not answer. */
export async function readMetrics(url: string, { signal }: Ports): Promise<Evidence[]> {
  if (url === '') return []
  const http = openHttp('fresh')
  try {
    for (const path of metricPaths) {
      const headers = { accept: 'text/plain' }
      const { status, body } = await http.request({
        url: url + path,
        headers,
        timeoutMs: metricsTimeoutMs,
        signal,
      })
      const lines = status === 200 ? vitalSigns(body) : []
      if (lines.length > 0) return [note('metrics', `of ${path}:`, lines.join('\n'))]
    }
    return []
  } catch (error) {
    if (error instanceof HttpFault) return []
    throw error
  } finally {
    http.close()
  }
}

async function tolerated(
  subject: string,
  { signal }: Ports,
  work: () => Promise<Evidence | undefined>,
): Promise<Evidence | undefined> {
  try {
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    if (!isExpected(error)) throw error
    return { subject, finding: `cannot be read: ${messageOf(error)}`, tone: 'note' }
  }
}

function note(subject: string, finding: string, detail: string): Evidence {
  return { subject, finding, tone: 'note', detail }
}
