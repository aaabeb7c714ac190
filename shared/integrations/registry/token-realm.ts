import { isLoopback, isSecure } from '../http/http.ts'

/** Where the token service of a registry is of another domain than the registry. Seen in their own challenges. */
const knownServices: { registry: RegExp; service: string }[] = [
  { registry: /^registry-1\.docker\.io$/, service: 'auth.docker.io' },
  { registry: /^registry\.redhat\.io$/, service: 'sso.redhat.com' },
  { registry: /^rg\.[a-z-]+\.scw\.cloud$/, service: 'api.scaleway.com' },
]

/**
 * Why a registry's token service is not asked, as the end of a sentence; undefined when it is. The answer of the service
 * goes to the registry, so that a registry that could name any address would read with this machine's reach: the rule
 * holds with and without a login.
 *
 * Asked is a service of https at the registry's own host, or at a host of the same registrable domain (Public Suffix List),
 * one of a short list of known pairs, or one that the runbook names. Plain http is asked on this machine alone, and there
 * only at the registry's own address.
 * @param registry the origin that sent the challenge
 * @param named hosts of the runbook's `image.token-hosts`
 */
export async function realmFault(
  registry: URL,
  realm: URL,
  named: readonly string[],
): Promise<string | undefined> {
  if (realm.username !== '' || realm.password !== '') return 'its address has a user or a password in it'
  if (realm.origin === registry.origin) return undefined
  if (!isSecure(realm)) return 'it is not https'
  if (realm.protocol === 'http:')
    return isLoopback(registry.hostname) && named.includes(realm.hostname)
      ? undefined
      : 'it is http at another address than the registry'
  if (realm.hostname === registry.hostname || named.includes(realm.hostname)) return undefined
  if (knownServices.some(known => known.registry.test(registry.hostname) && known.service === realm.hostname))
    return undefined
  return (await isSameSite(registry.hostname, realm.hostname))
    ? undefined
    : 'it belongs to another domain than the registry'
}

/** Domains of providers that give each customer a host, and that the Public Suffix List lacks. */
const providers = ['azurecr.io', 'azurecr.cn', 'azurecr.us']

/** Whether two hosts are of one registrable domain; domains under which a provider's customers have names are suffixes, too. */
async function isSameSite(one: string, other: string): Promise<boolean> {
  const { getDomain } = await import('tldts')
  const domain = getDomain(one, { allowPrivateDomains: true })
  return (
    domain !== null &&
    !providers.includes(domain) &&
    domain === getDomain(other, { allowPrivateDomains: true })
  )
}
