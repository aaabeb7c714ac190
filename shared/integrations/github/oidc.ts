import { createPublicKey, verify, type JsonWebKey } from 'node:crypto'
import type { HttpRequest, HttpAnswer } from '../http/http.ts'
import type { Secrets } from '../../host/secrets/secrets.ts'

/** What the job's OIDC token is asked with. */
export interface OidcPorts {
  env: Record<string, string | undefined>
  secrets: Secrets
  request(request: HttpRequest): Promise<HttpAnswer>
  /** Milliseconds since 1970. */
  now: number
}

/** Of the tokens that are asked for here: no other service accepts one of them. */
const audience = 'runbook-actions'
const timeoutMs = 5_000
const githubIssuer = 'https://token.actions.githubusercontent.com'
/** Clocks of two machines differ. */
const skewS = 300

/**
 * The subject of the job's OIDC token, as its issuer signed it: `repo:org/api:environment:production`. The token is asked
 * for where the runner says (`permissions: id-token: write`), and verified with the keys of its issuer, which is GitHub, or
 * the Enterprise Server of the run.
 * @returns undefined where the job has no such permission
 * @throws Error when there is a token and it is not what the issuer signed, or a part cannot be had
 */
export async function oidcSubject(ports: OidcPorts): Promise<string | undefined> {
  const { env, secrets } = ports
  const [from, bearer] = [env['ACTIONS_ID_TOKEN_REQUEST_URL'], env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']]
  if (!from || !bearer) return undefined
  secrets.add(bearer)
  const url = new URL(from)
  url.searchParams.set('audience', audience)
  const { value } = await json<{ value?: string }>(ports, url.href, { authorization: `Bearer ${bearer}` })
  if (value === undefined) throw new Error('the answer has no token')
  secrets.add(value)
  const [head = '', payload = '', signature = ''] = value.split('.')
  const claims = decode(payload) as Claims
  const issuer = trustedIssuer(claims.iss, env['GITHUB_SERVER_URL'])
  const { keys = [] } = await json<{ keys?: (JsonWebKey & { kid?: string })[] }>(
    ports,
    `${issuer}/.well-known/jwks`,
  )
  const { kid, alg } = decode(head) as { kid?: string; alg?: string }
  const key = keys.find(each => each.kid === kid)
  if (alg !== 'RS256' || !key) throw new Error('the token is signed with a key that its issuer does not list')
  const signed = verify(
    'RSA-SHA256',
    Buffer.from(`${head}.${payload}`),
    createPublicKey({ key, format: 'jwk' }),
    Buffer.from(signature, 'base64url'),
  )
  if (!signed) throw new Error('the signature of the token is not that of its issuer')
  const isCurrent = typeof claims.exp === 'number' && claims.exp + skewS > ports.now / 1_000
  if (claims.aud !== audience || !isCurrent || typeof claims.sub !== 'string')
    throw new Error('the token is for another audience, has run out, or names no subject')
  return issuer === githubIssuer ? claims.sub : `${claims.sub} of ${issuer}`
}

interface Claims {
  iss?: unknown
  aud?: unknown
  exp?: unknown
  sub?: unknown
}

/** GitHub's own issuer (an enterprise may have a path of its own), or that of the server that the run is of. */
function trustedIssuer(issuer: unknown, server: string | undefined): string {
  const text = typeof issuer === 'string' ? issuer : ''
  if (text === githubIssuer || text.startsWith(`${githubIssuer}/`)) return text
  if (server && server !== 'https://github.com' && text === `${server}/_services/token`) return text
  throw new Error('the issuer of the token is not GitHub')
}

async function json<T>(ports: OidcPorts, url: string, headers: Record<string, string> = {}): Promise<T> {
  const { status, body } = await ports.request({ url, headers, timeoutMs })
  if (status !== 200) throw new Error(`${new URL(url).host} answered ${status}`)
  return JSON.parse(body) as T
}

function decode(part: string): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
}
