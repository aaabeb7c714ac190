import { readCertificate } from '../../integrations/http/certificate.ts'
import { checksOf } from '../../config/checks.ts'
import { judgeTerm, judgeKey } from './certificate-terms.ts'
import type { Check } from '../check.ts'
import { combine, type Part } from '../combine.ts'

const timeoutMs = 5_000

/** Clients accept the certificate that the service shows, and will for some time. */
export const certificate: Check = {
  id: 'certificate',
  title: 'The TLS certificate is valid with its whole chain, and not about to expire',
  inapplicable: ({ url }) => (url.startsWith('https:') ? '' : 'the url of the runbook is not https'),
  async run({ environment, clock, signal }) {
    const shown = await readCertificate(environment.url, { timeoutMs, signal })
    const { refusal, subject, issuer, chain, protocol } = shown
    const terms = { now: clock.now(), renewBeforeMs: checksOf(environment).certificate.renewBeforeMs }
    const [leaf] = chain
    return combine(`${subject}, issued by ${issuer}`, [
      ...chain.map(each => judgeTerm(each, each === leaf ? 'leaf' : 'issuer', terms)),
      ...chain.flatMap(judgeKey),
      ...(refusal === '' || refusal === 'CERT_HAS_EXPIRED' ? [] : [refusalPart(refusal)]),
      { result: 'pass', finding: protocol, remedy: '' },
    ])
  },
}

function refusalPart(refusal: string): Part {
  return {
    result: 'fail',
    finding: `refused (${refusal})`,
    remedy:
      'Install a certificate for this host name with its whole chain; for an authority of your own, set NODE_EXTRA_CA_CERTS.',
  }
}
