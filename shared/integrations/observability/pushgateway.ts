import { cutEnd } from '../../outcome/cut.ts'
import { ToolError } from '../../outcome/errors.ts'
import { openHttp } from '../http/http.ts'

/**
 * Gives metrics to a Pushgateway (https://github.com/prometheus/pushgateway#api). Those of the same names in the group
 * are replaced, others stay: a backup that fails does not make the last one forgotten.
 * @param group labels of all that is pushed; the first is `job`
 * @param metrics in Prometheus' text format
 * @throws ToolError when it does not take them
 */
export async function pushMetrics(
  url: string,
  group: [['job', string], ...[string, string][]],
  metrics: string,
  timeoutMs: number,
): Promise<void> {
  const path = group.map(([name, value]) => `${name}/${encodeURIComponent(value)}`).join('/')
  const http = openHttp('fresh')
  try {
    const answer = await http.request({
      url: `${url}/metrics/${path}`,
      method: 'POST',
      headers: { 'content-type': 'text/plain; version=0.0.4' },
      body: metrics,
      timeoutMs,
    })
    if (answer.status >= 200 && answer.status < 300) return
    throw new ToolError(`Pushgateway at ${url} answered HTTP ${answer.status}: ${cutEnd(answer.body, 200)}`, {
      tool: 'Pushgateway',
      code: answer.status,
      hint: `Check that ${url} is the base URL of a Pushgateway.`,
    })
  } finally {
    http.close()
  }
}
