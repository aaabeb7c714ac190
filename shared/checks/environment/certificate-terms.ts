import type { KeyObject, X509Certificate } from 'node:crypto'
import type { Part } from '../combine.ts'

const dayMs = 86_400_000
/** NIST SP 800-57: what is weaker is not accepted by clients any more. */
const leastBits: Record<string, number> = { rsa: 2048, 'rsa-pss': 2048 }

/** When a certificate is valid, held against now. */
export function judgeTerm(
  certificate: X509Certificate,
  role: 'leaf' | 'issuer',
  { now, renewBeforeMs }: { now: number; renewBeforeMs: number },
): Part {
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]
  const who = role === 'leaf' ? '' : `its issuer ${commonName(certificate)} `
  const day = (at: number) => new Date(at).toISOString().slice(0, 10)
  const days = Math.floor((to - now) / dayMs)
  if (to <= now)
    return {
      result: 'fail',
      finding: `${who}expired on ${day(to)}`,
      remedy: 'Renew the certificate with its chain, and reload the server that shows it.',
    }
  if (from > now)
    return {
      result: 'fail',
      finding: `${who}is valid from ${day(from)} only`,
      remedy: 'Install the certificate that is valid now, or correct the clock of this machine.',
    }
  if (to - now < renewBeforeMs)
    return {
      result: 'warn',
      finding: `${who}valid until ${day(to)}: ${days} days left`,
      remedy: 'Renew the certificate now, and find out why it was not renewed by itself.',
    }
  return { result: 'pass', finding: `${who}valid until ${day(to)} (${days} days)`, remedy: '' }
}

/** A key that cannot be read, or is too short to be trusted. */
export function judgeKey(certificate: X509Certificate): Part[] {
  const key = publicKeyOf(certificate)
  if (!key)
    return [
      {
        result: 'fail',
        finding: `${commonName(certificate)} has a public key that cannot be read`,
        remedy: 'Issue it anew with a key of secp256r1, or RSA of 2048 bits.',
      },
    ]
  const { asymmetricKeyType: type = '', asymmetricKeyDetails: details } = key
  const least = leastBits[type]
  const bits = details?.modulusLength ?? 0
  if (least === undefined || bits >= least) return []
  return [
    {
      result: 'fail',
      finding: `${commonName(certificate)} has a key of ${bits} bits, ${least} are the least`,
      remedy: 'Issue it anew with a key of secp256r1, or RSA of 2048 bits.',
    },
  ]
}

/** A certificate is parsed without its key, which OpenSSL decodes when it is asked for. */
function publicKeyOf(certificate: X509Certificate): KeyObject | undefined {
  try {
    return certificate.publicKey
  } catch {
    return undefined
  }
}

/** The name that people know a certificate by. */
export function commonName({ subject, subjectAltName }: X509Certificate): string {
  return /(?:^|\n)CN=(.*)/.exec(subject)?.[1] ?? subjectAltName?.replace(/^DNS:/, '') ?? 'without a name'
}
