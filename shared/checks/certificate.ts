import { readCertificate } from '../platform/certificate.ts'
import { fail, pass, warn, type Check } from './check.ts'

const timeoutMs = 5_000
const dayMs = 86_400_000
/** Two weeks: renewals by ACME come at 30 days, so one has failed by then, and there is time to mend it. */
const soonDays = 14

/** Clients accept the certificate that the service shows, and will for some time. */
export const certificate: Check = {
  id: 'certificate',
  title: 'The TLS certificate is valid, and not about to expire',
  inapplicable: ({ url }) => (url.startsWith('https:') ? '' : 'the url of the runbook is not https'),
  async run({ environment: { url }, clock, signal }) {
    const { refusal, subject, issuer, validTo, protocol } = await readCertificate(url, { timeoutMs, signal })
    const days = Math.floor((validTo - clock.now()) / dayMs)
    const until = new Date(validTo).toISOString().slice(0, 10)
    const seen = `${subject}, issued by ${issuer}, ${days < 0 ? 'expired on' : 'valid until'} ${until}`
    if (days < 0) return fail(seen, 'Renew the certificate, and reload the server that shows it.')
    if (refusal !== '')
      return fail(
        `${seen}: refused (${refusal})`,
        'Install a certificate for this host name with its whole chain; for an authority of your own, set NODE_EXTRA_CA_CERTS.',
      )
    if (days < soonDays)
      return warn(
        `${seen}: ${days} days left`,
        'Renew the certificate now, and find out why it was not renewed by itself.',
      )
    return pass(`${seen} (${days} days), ${protocol}`)
  },
}
