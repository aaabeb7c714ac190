import { readCertificate } from '../../integrations/http/certificate.ts'
import { offer, type Offer, type ServerChoice } from '../../integrations/http/client-hello.ts'
import { openHttp } from '../../integrations/http/http.ts'
import { HttpFault } from '../../integrations/http/http-fault.ts'
import type { Check } from '../check.ts'
import { combine, type Part } from '../combine.ts'

const timeoutMs = 5_000
/** A year, as RFC 6797 and the preload lists want it, would be better; half of it is what testssl.sh lets pass. */
const leastHstsSeconds = 180 * 86_400

/** What any old client or server has: to see which protocol versions are spoken. */
const common = [0xc013, 0xc014, 0xc009, 0xc00a, 0x0033, 0x0039, 0x002f, 0x0035, 0x000a, 0x0005]

interface Trial extends Offer {
  what: string
  result: 'fail' | 'warn'
}

const tls12 = 0x0303

/** Deprecated by RFC 7568 and RFC 8996; ciphers as RFC 9325 forbids them, or advises against. Numbers are IANA's. */
const trials: Trial[] = [
  { what: 'SSL 3.0', result: 'fail', version: 0x0300, ciphers: common },
  { what: 'TLS 1.0', result: 'fail', version: 0x0301, ciphers: common },
  { what: 'TLS 1.1', result: 'fail', version: 0x0302, ciphers: common },
  {
    what: 'suites without encryption',
    result: 'fail',
    version: tls12,
    ciphers: [0x0001, 0x0002, 0x003b, 0xc001, 0xc006, 0xc00b, 0xc010, 0xc015],
  },
  {
    what: 'suites without a certificate',
    result: 'fail',
    version: tls12,
    ciphers: [0x0018, 0x001b, 0x0034, 0x003a, 0x006c, 0x006d, 0x00a6, 0x00a7, 0xc017, 0xc018, 0xc019],
  },
  {
    what: 'export suites',
    result: 'fail',
    version: tls12,
    ciphers: [0x0003, 0x0006, 0x0008, 0x000b, 0x000e, 0x0011, 0x0014, 0x0017, 0x0019],
  },
  { what: 'RC4', result: 'fail', version: tls12, ciphers: [0x0004, 0x0005, 0xc002, 0xc007, 0xc00c, 0xc011] },
  {
    what: 'DES and triple DES',
    result: 'fail',
    version: tls12,
    ciphers: [0x0009, 0x000a, 0x0015, 0x0016, 0xc003, 0xc008, 0xc00d, 0xc012],
  },
  {
    what: 'suites without forward secrecy',
    result: 'warn',
    version: tls12,
    ciphers: [0x002f, 0x0035, 0x003c, 0x003d, 0x009c, 0x009d, 0x0041, 0x0084, 0xc09c, 0xc09d],
  },
]

/** What testssl.sh would grumble about, as far as a few hellos tell: old protocols, weak ciphers, compression, no HSTS. */
export const tls: Check = {
  id: 'tls',
  title: 'The service speaks TLS as it should be spoken today',
  inapplicable: ({ url }) => (url.startsWith('https:') ? '' : 'the url of the runbook is not https'),
  async run({ environment: { url }, signal }) {
    const address = new URL(url)
    const options = { timeoutMs, signal }
    const [{ protocol }, hsts, ...choices] = await Promise.all([
      readCertificate(url, options),
      hstsPart(url, signal),
      ...trials.map(async trial => ({ trial, choice: await offer(address, trial, options) })),
    ])
    return combine(`${protocol} is spoken`, [...judgeChoices(choices), hsts])
  },
}

interface Chosen {
  trial: Pick<Trial, 'what' | 'result'>
  choice: ServerChoice | undefined | 'unasked'
}

/** What a server makes of offers that it should take nothing of. */
export function judgeChoices(choices: Chosen[]): Part[] {
  const taken = choices.filter(({ choice }) => typeof choice === 'object')
  const compresses = choices.some(({ choice }) => typeof choice === 'object' && choice.compresses)
  const unasked = choices.filter(({ choice }) => choice === 'unasked').map(({ trial }) => trial.what)
  return [
    ...taken.map(({ trial }) => takenPart(trial)),
    ...(compresses ? [compressionPart] : []),
    ...(unasked.length > 0 ? [unaskedPart(unasked)] : []),
    ...(taken.length + unasked.length === 0
      ? [{ result: 'pass', finding: 'nothing old or weak', remedy: '' } as const]
      : []),
  ]
}

function unaskedPart(what: string[]): Part {
  return {
    result: 'warn',
    finding: `not asked for want of a connection: ${what.join(', ')}`,
    remedy: 'Run it again: what stands before the service may let only so many connections through at once.',
  }
}

function takenPart({ what, result }: Chosen['trial']): Part {
  const wanted = /^(SSL|TLS) /.test(what)
    ? 'Let the server speak TLS 1.2 and 1.3 only (nginx: ssl_protocols TLSv1.2 TLSv1.3).'
    : 'Take the ciphers of the "intermediate" profile of Mozilla (ssl-config.mozilla.org).'
  return {
    result,
    finding: `${what} ${/^(SSL|TLS|RC4) ?/.test(what) ? 'is' : 'are'} accepted`,
    remedy: wanted,
  }
}

const compressionPart: Part = {
  result: 'fail',
  finding: 'compression is accepted (CRIME)',
  remedy: 'Switch TLS compression off in the server.',
}

async function hstsPart(url: string, signal: AbortSignal): Promise<Part> {
  const http = openHttp('fresh')
  try {
    const { headers } = await http.request({ url, method: 'HEAD', timeoutMs, signal })
    const age = /max-age\s*=\s*"?(\d+)/i.exec(headers['strict-transport-security'] ?? '')?.[1]
    if (Number(age) >= leastHstsSeconds) return { result: 'pass', finding: 'HSTS is on', remedy: '' }
    return {
      result: 'warn',
      finding: age === undefined ? 'there is no HSTS' : `HSTS lasts only ${age} s`,
      remedy: 'Send Strict-Transport-Security: max-age=31536000 with every answer.',
    }
  } catch (error) {
    // An untrusted certificate, or no answer: other checks tell.
    if (error instanceof HttpFault) return { result: 'pass', finding: 'HSTS could not be asked', remedy: '' }
    throw error
  } finally {
    http.close()
  }
}
