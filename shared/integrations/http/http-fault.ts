import { messageOf, ToolError } from '../../outcome/errors.ts'

/** Why there was no answer: what a probe may take for the service's fault, and what for the network's. */
export type FaultKind =
  /** The host name has no address. */
  | 'name'
  /** There is no way to the host. */
  | 'unreachable'
  /** Nothing listens at the port. */
  | 'refused'
  | 'timeout'
  /** The certificate or the handshake. */
  | 'tls'
  /** The connection ended before the answer did. */
  | 'reset'
  /** What came is not HTTP, or not in the encoding that it says it is in. */
  | 'protocol'
  /** Redirected too often, or to something that is not HTTP. */
  | 'redirect'

const hints: Record<FaultKind, string> = {
  name: 'Check the host name in the URL, and the DNS of the machine that asks.',
  unreachable: 'Check the network between this machine and the host.',
  refused: 'Check that the service runs and listens at that port.',
  timeout: 'Look at what the service waits for, or whether a firewall drops the connection.',
  tls: 'Check the certificate, its chain and its host name.',
  reset: 'Look into the log of the service or of the proxy before it: it ended the connection.',
  protocol: 'Check that the URL points at an HTTP service.',
  redirect: 'Use the URL that the service finally redirects to.',
}

/** A request that got no answer. */
export class HttpFault extends ToolError {
  readonly kind: FaultKind
  /** What happened, without the URL: `connection refused`. */
  readonly finding: string

  constructor(kind: FaultKind, method: string, url: URL, finding: string, cause?: unknown) {
    super(`${method} ${url.origin}${url.pathname}: ${finding}`, { tool: 'HTTP', hint: hints[kind], cause })
    this.kind = kind
    this.finding = finding
  }
}

/** The fault behind an error of node:http, node:net or node:tls. */
export function faultOf(error: unknown, method: string, url: URL): HttpFault {
  if (error instanceof HttpFault) return error
  const code = codeOf(error)
  const fault = (kind: FaultKind, finding: string) => new HttpFault(kind, method, url, finding, error)
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fault('name', `no address for ${url.hostname} (${code})`)
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return fault('unreachable', `no way to ${url.hostname} (${code})`)
    case 'ECONNREFUSED':
      return fault('refused', 'connection refused')
    case 'ETIMEDOUT':
      return fault('timeout', 'connection timed out')
    case 'ECONNRESET':
    case 'EPIPE':
      return fault('reset', 'connection ended before the answer')
    default:
      if (code.startsWith('HPE_')) return fault('protocol', `not an HTTP answer (${code})`)
      if (/^(Z_|ZSTD_|ERR__ERROR_)/.test(code))
        return fault('protocol', `the body is not in its encoding (${code})`)
      if (/CERT|TLS|SSL|EPROTO|SIGNATURE|ISSUER/.test(code)) return fault('tls', `TLS: ${messageOf(error)}`)
      return fault('protocol', messageOf(error) || code)
  }
}

/** The code of a system or parser error; empty when it has none. */
export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : ''
  return typeof code === 'string' ? code : ''
}
