import { X509Certificate } from 'node:crypto'
import type { DetailedPeerCertificate } from 'node:tls'
import { faultOf } from './http-fault.ts'

/** The certificate that a server shows, and what is thought of it here. */
export interface ShownCertificate {
  /** Why clients refuse it, in OpenSSL's words: `CERT_HAS_EXPIRED`; empty when they do not. */
  refusal: string
  subject: string
  issuer: string
  /** Milliseconds since 1970. */
  validTo: number
  /** The certificate itself, and those that came with it, leaf first. */
  chain: X509Certificate[]
  /** `TLSv1.3` */
  protocol: string
}

/**
 * Looks at the certificate of an `https:` URL.
 * @throws HttpFault when there is no handshake at all; the signal's reason when it is aborted
 */
export async function readCertificate(
  address: string,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<ShownCertificate> {
  const { connect } = await import('node:tls')
  const { isIP } = await import('node:net')
  const url = new URL(address)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: url.port === '' ? 443 : Number(url.port),
      ...(isIP(host) ? {} : { servername: host }),
      // It is looked at, whatever it is; nothing is sent over this connection.
      rejectUnauthorized: false,
    })
    const onAbort = () => socket.destroy(signal.reason as Error)
    const end = () => {
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    socket.setTimeout(timeoutMs, () => {
      socket.destroy(Object.assign(new Error('handshake timed out'), { code: 'ETIMEDOUT' }))
    })
    socket.on('error', error => {
      end()
      reject(signal.aborted ? (signal.reason as Error) : faultOf(error, 'TLS', url))
    })
    socket.on('secureConnect', () => {
      const shown = socket.getPeerCertificate(true)
      const { subject, issuer, valid_to } = shown
      resolve({
        refusal: socket.authorized ? '' : String(socket.authorizationError),
        subject: nameOf(subject),
        issuer: nameOf(issuer),
        validTo: Date.parse(valid_to),
        chain: chainOf(shown),
        protocol: socket.getProtocol() ?? '',
      })
      end()
    })
  })
}

function chainOf(leaf: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = []
  const seen = new Set<string>()
  let next: DetailedPeerCertificate | undefined = leaf
  // A root refers to itself.
  while (next && !seen.has(next.fingerprint256)) {
    seen.add(next.fingerprint256)
    chain.push(new X509Certificate(next.raw))
    next = issuerOf(next)
  }
  return chain
}

/** The type says that there always is one. */
function issuerOf(certificate: DetailedPeerCertificate): DetailedPeerCertificate | undefined {
  return certificate.issuerCertificate
}

function nameOf(name: { CN?: string | string[]; O?: string | string[] } | undefined): string {
  return [name?.CN ?? name?.O ?? 'without a name'].flat().join(', ')
}
