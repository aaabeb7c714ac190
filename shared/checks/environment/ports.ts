import { reach, splitAddress } from '../../integrations/http/tcp.ts'
import { checksOf } from '../../config/checks.ts'
import type { Environment } from '../../config/environment.ts'
import type { Check } from '../check.ts'
import { combine, type Part } from '../combine.ts'

/** A firewall that drops packets says nothing: it is waited for no longer. */
const connectMs = 3_000
/** The guide's ports of service, PostgreSQL and Redis: behind the proxy or inside the network, never before them. */
const inner = [3000, 5432, 6379]

/** The ports that have to be reachable are, and those that must not be are not. */
export const ports: Check = {
  id: 'ports',
  title: 'Ports are reachable where they must be, and closed where they must not',
  inapplicable(environment) {
    const asked = portsOf(environment)
    if (!asked)
      return "the runbook names no ports (checks.ports), and no url whose host is not this machine's own"
    return asked.open.length + asked.closed.length === 0 ? 'the lists of checks.ports are empty' : ''
  },
  async run({ environment, signal }) {
    const { open, closed, certain } = portsOf(environment) ?? { open: [], closed: [], certain: true }
    const parts = await Promise.all([
      ...open.map(address => mustBeOpen(address, certain, signal)),
      ...closed.map(address => mustBeClosed(address, certain, signal)),
    ])
    return combine('', parts)
  },
}

interface Ports {
  open: string[]
  closed: string[]
  /** The runbook says so. Without it, a port that is open may be so only for those inside. */
  certain: boolean
}

function portsOf(environment: Environment): Ports | undefined {
  const { ports: said } = checksOf(environment)
  if (said) return { ...said, certain: true }
  const url = URL.parse(environment.url)
  if (!url || /^(localhost|127\.|\[::1\])/.test(url.hostname)) return undefined
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  const closed = inner.filter(each => each !== port).map(each => `${url.hostname}:${each}`)
  return { open: [`${url.hostname}:${port}`], closed, certain: false }
}

/** Without the runbook's word, what is not open may be what a first release will open. */
async function mustBeOpen(address: string, certain: boolean, signal: AbortSignal): Promise<Part> {
  const reached = await reach(address, connectMs, signal)
  if (reached === 'open') return { result: 'pass', finding: `${address} is open`, remedy: '' }
  const why = {
    refused: 'refuses',
    silent: 'does not answer',
    unnamed: 'has no address',
    unreachable: 'is out of reach',
  }
  return {
    result: certain ? 'fail' : 'warn',
    finding: `${address} ${why[reached]}`,
    remedy: `Start what listens at ${address}, or let this machine through: sudo ufw allow ${splitAddress(address).port}/tcp`,
  }
}

async function mustBeClosed(address: string, certain: boolean, signal: AbortSignal): Promise<Part> {
  const reached = await reach(address, connectMs, signal)
  if (reached === 'unnamed' && certain)
    return {
      result: 'warn',
      finding: `${address} has no address here, so that nothing is known of its port`,
      remedy: 'Correct its name in checks.ports.closed, or write its address there.',
    }
  if (reached !== 'open') return { result: 'pass', finding: `${address} is closed`, remedy: '' }
  const { port } = splitAddress(address)
  return {
    result: certain ? 'fail' : 'warn',
    finding: `${address} is open to this machine`,
    remedy: certain
      ? `Close it: bind the service to an inner address, or sudo ufw deny ${port}/tcp`
      : `If it is open to every address, close it (sudo ufw deny ${port}/tcp); if only to this network, name the ports in checks.ports.`,
  }
}
