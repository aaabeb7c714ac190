import { X509Certificate } from 'node:crypto'
import type { VerifiedIdentity } from '../../../release/identity.ts'
import { userName } from '../../../host/process-identity.ts'
import type { EngineAddress } from './address.ts'

/**
 * Who acts, by what lets this process reach the engine: the account that SSH logs in as, the subject of the client
 * certificate, or, at a socket of this machine, its account. Undefined for an address that does not say: an engine in
 * plain text asks for no account, and an SSH configuration may name the account.
 */
export function identityAt({ host, tls }: EngineAddress): VerifiedIdentity | undefined {
  const url = URL.parse(host)
  if (url?.protocol === 'unix:') return { name: userName(), from: 'account' }
  if (url?.protocol === 'ssh:')
    return url.username === ''
      ? undefined
      : { name: `${decodeURIComponent(url.username)}@${url.hostname}`, from: 'ssh' }
  if (!tls?.cert) return undefined
  const subject = new X509Certificate(tls.cert).subject.replaceAll('\n', ', ')
  return { name: subject, from: 'tls-certificate' }
}
