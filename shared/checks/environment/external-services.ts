import { openHttp } from '../../integrations/http/http.ts'
import { HttpFault } from '../../integrations/http/http-fault.ts'
import { reach } from '../../integrations/http/tcp.ts'
import { checksOf } from '../../config/checks.ts'
import type { OutsideService } from '../../config/environment.ts'
import type { Check } from '../check.ts'
import { combine, type Part } from '../combine.ts'

const id = 'external-services'
const answerMs = 10_000

/** What the runbook lists answers: mail, payment, queues; whatever the release cannot do without. */
export const externalServices: Check = {
  id,
  title: 'The services outside that the release needs answer',
  inapplicable: environment =>
    checksOf(environment).services.length === 0 ? 'the runbook lists none (checks.services)' : '',
  async run({ environment, signal }) {
    const { services } = checksOf(environment)
    const parts = await Promise.all(services.map(service => ask(service, signal)))
    return combine('', parts)
  },
}

async function ask(service: OutsideService, signal: AbortSignal): Promise<Part> {
  return 'url' in service ? askHttp(service, signal) : askTcp(service, signal)
}

async function askHttp(
  { name, url, status: accepted }: Extract<OutsideService, { url: string }>,
  signal: AbortSignal,
): Promise<Part> {
  const http = openHttp('fresh')
  try {
    const { status, timings, elsewhere } = await http.request({ url, timeoutMs: answerMs, hops: 3, signal })
    const redirect = elsewhere === undefined ? '' : ` (a redirect to ${elsewhere}, which is not followed)`
    const seen = `${name} answers ${status}${redirect} in ${Math.round(timings.total)} ms`
    const isWell = accepted.length === 0 ? status < 500 : accepted.includes(status)
    if (isWell) return { result: 'pass', finding: seen, remedy: '' }
    return {
      result: 'fail',
      finding: `${seen}, not ${accepted.length === 0 ? 'below 500' : accepted.join(' or ')}`,
      remedy:
        elsewhere === undefined
          ? `Look at the status page of ${name}; deploy when it is healthy.`
          : `Name the address at ${elsewhere} as the url of ${name} in checks.services of the runbook, if that is the service.`,
    }
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    return { result: 'fail', finding: `${name}: ${error.message}`, remedy: error.hint }
  } finally {
    http.close()
  }
}

async function askTcp(
  { name, address }: Extract<OutsideService, { address: string }>,
  signal: AbortSignal,
): Promise<Part> {
  const reached = await reach(address, answerMs, signal)
  if (reached === 'open') return { result: 'pass', finding: `${name} takes connections`, remedy: '' }
  return {
    result: 'fail',
    finding: `${name} at ${address} is ${reached === 'unnamed' ? 'a name without an address' : reached}`,
    remedy: `Check that ${name} runs, and that this machine may reach ${address}; else add ${id} to skip.`,
  }
}
