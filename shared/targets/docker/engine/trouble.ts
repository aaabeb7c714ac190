import { cutEnd } from '../../../outcome/cut.ts'
import { isExpected, messageOf, ToolError } from '../../../outcome/errors.ts'
import type { Reason } from '../../../outcome/reasons.ts'

/** What it means when an engine does not answer, and what helps. */
interface Trouble {
  when: RegExp
  why: string
  hint: string
  /** Default: `target-unreachable`. */
  reason?: Reason
}

/** By the codes of node:net, and of OpenSSL, in which an alert is what the other side says of us. */
const troubles: Trouble[] = [
  {
    when: /^EACCES$/,
    why: 'this user may not use its socket',
    hint: 'Let this user into the group docker, or name an engine that it may use with DOCKER_HOST.',
    reason: 'access-denied',
  },
  {
    when: /^CERT_HAS_EXPIRED$/,
    why: "the engine's certificate, or that of its issuer, has expired",
    hint: 'Renew the certificate of the Docker engine on its host, and start the engine again.',
  },
  {
    when: /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_SIGNATURE_FAILURE/,
    why: "the engine's certificate was not issued by an authority that is known here",
    hint: 'Put the ca.pem that issued the certificate of the Docker engine into DOCKER_CERT_PATH.',
  },
  {
    when: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    why: "the engine's certificate is for another host",
    hint: 'Name the host as its certificate does, or issue one that has this name or address in it.',
  },
  {
    when: /ALERT_CERTIFICATE_EXPIRED/,
    why: 'the certificate that is shown to it has expired',
    hint: 'Renew cert.pem in DOCKER_CERT_PATH.',
  },
  {
    when: /ALERT|HANDSHAKE_FAILURE/,
    why: 'it does not accept the certificate that is shown to it',
    hint: 'Put a cert.pem and key.pem that its authority issued for clients into DOCKER_CERT_PATH.',
  },
  {
    when: /^EPROTO$|WRONG_VERSION_NUMBER|PACKET_LENGTH/,
    why: 'it does not speak TLS at that port',
    hint: 'Unset DOCKER_TLS_VERIFY and DOCKER_CERT_PATH if it is meant to be without; else name its port for TLS (2376).',
  },
]

const unknown: Pick<Trouble, 'hint'> = {
  hint: 'Check that the Docker engine runs, and that DOCKER_HOST names it.',
}

/** The error for a call that got no answer. */
export function unanswered(place: string, method: string, path: string, error: unknown): Error {
  if (isExpected(error)) return error
  const code = codeOf(error)
  const known = troubles.find(({ when }) => when.test(code))
  const said = messageOf(error)
  return new ToolError(
    `${place} does not answer ${method} ${path}: ${known ? `${known.why} (${said})` : said}`,
    {
      tool: 'Docker engine',
      hint: (known ?? unknown).hint,
      reason: known?.reason ?? 'target-unreachable',
      cause: error,
    },
  )
}

/** The error for an engine that answers something else than an engine would. */
export function notAnEngine(place: string, status: number, said: string): ToolError {
  const plain = status === 400 && /HTTP request to an HTTPS server/i.test(said)
  return new ToolError(
    plain
      ? `${place} speaks TLS at that port, and was asked without`
      : `${place} is no Docker engine: it answers GET /version with ${status} ${cutEnd(said, 80)}`.trim(),
    {
      tool: 'Docker engine',
      code: status,
      reason: 'target-unreachable',
      hint: plain
        ? 'Set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem.'
        : 'Check that DOCKER_HOST names a Docker engine, and nothing that stands before it refuses.',
    },
  )
}

/** What node:net or OpenSSL call an error; empty for one that has no code. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
}
