import { openHttp, showStatus } from '../../integrations/http/http.ts'
import { HttpFault } from '../../integrations/http/http-fault.ts'
import { pass, warn, type Check } from '../check.ts'

const timeoutMs = 5_000

/** The service answers now. It may be ill, and the release its cure: so no more than a warning. */
export const service: Check = {
  id: 'service',
  title: 'The service answers now',
  inapplicable: ({ url }) => (url === '' ? 'the runbook names no url' : ''),
  async run({ environment: { url, gate, redirectsTo: origins = [] }, signal }) {
    const path = gate.paths[0] ?? '/'
    const remedy =
      'Nothing, for a first release. Otherwise look at the service first: a release on top of an illness hides its cause.'
    const http = openHttp('fresh')
    try {
      const answer = await http.request({ url: url + path, timeoutMs, hops: 3, origins, signal })
      const { status, timings } = answer
      const seen = `GET ${url}${path}: ${showStatus(answer)} in ${Math.round(timings.total)} ms`
      return status >= 200 && status < 300 ? pass(seen) : warn(seen, remedy)
    } catch (error) {
      if (error instanceof HttpFault) return warn(error.message, remedy)
      throw error
    } finally {
      http.close()
    }
  },
}
