import { z } from 'zod'
import { ToolError } from '../../outcome/errors.ts'
import type { RegistryLogin } from './docker-config.ts'
import type { Http, HttpAnswer, HttpRequest } from '../http/http.ts'
import type { ImageReference } from './image-reference.ts'
import { realmFault } from './token-realm.ts'

/** A token service of a big cloud may take some time. */
const timeoutMs = 15_000
/** The tokens of the big registries are under 10 KiB. */
const maxTokenBytes = 64 * 1024

/** Who asks for what, and where a token may be asked for. */
export interface Asking {
  http: Http
  image: ImageReference
  /** The registry's own origin: a challenge of another one is not answered. */
  registry: URL
  login: RegistryLogin | undefined
  /** Hosts that the runbook names as token services. */
  tokenHosts: readonly string[]
  signal: AbortSignal
}

const tokenAnswer = z.object({ token: z.string().optional(), access_token: z.string().optional() })

/**
 * Answers the challenge of a registry: `Basic`, or `Bearer` with a token of the service that the challenge names
 * (https://distribution.github.io/distribution/spec/auth/token/).
 * @returns the value of `Authorization`; undefined when there is nothing to answer with
 * @throws ToolError when the challenge comes from another origin, or names a service that must not see the login
 */
export async function answerChallenge(asking: Asking, answer: HttpAnswer): Promise<string | undefined> {
  const { http, image, registry, login, tokenHosts, signal } = asking
  const origin = new URL(answer.url).origin
  if (origin !== registry.origin) return undefined
  const challenge = answer.headers['www-authenticate'] ?? ''
  const basic = login?.username
    ? `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
    : undefined
  if (/^basic\b/i.test(challenge)) return basic
  const asked = new Map(
    [...challenge.matchAll(/(\w{1,40})="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]),
  )
  const realm = URL.parse(asked.get('realm') ?? '', answer.url)
  if (!/^bearer\b/i.test(challenge) || !realm) return undefined
  const fault = await realmFault(registry, realm, tokenHosts)
  if (fault !== undefined) throw foreignRealm(image, realm, fault)
  const service = asked.get('service') ?? ''
  const scope = asked.get('scope') ?? `repository:${image.repository}:pull`
  const given = await http.request({
    ...tokenRequest(realm, { service, scope }, login, basic),
    maxBytes: maxTokenBytes,
    timeoutMs,
    signal,
  })
  const token = given.status === 200 && !given.truncated ? readToken(given.body) : undefined
  return token === undefined ? undefined : `Bearer ${token}`
}

function readToken(body: string): string | undefined {
  let document: unknown
  try {
    document = JSON.parse(body)
  } catch {
    return undefined
  }
  const { data } = tokenAnswer.safeParse(document)
  const token = data?.token ?? data?.access_token
  // What cannot stand in a header is no token.
  return token !== undefined && /^[\x21-\x7e]+$/.test(token) ? token : undefined
}

function tokenRequest(
  realm: URL,
  { service, scope }: { service: string; scope: string },
  login: RegistryLogin | undefined,
  basic: string | undefined,
): Pick<HttpRequest, 'url' | 'method' | 'headers' | 'body'> {
  if (login?.identityToken) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      service,
      scope,
      client_id: 'runbook-actions',
      refresh_token: login.identityToken,
    })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return { url: realm.href, method: 'POST', headers, body: form.toString() }
  }
  if (service) realm.searchParams.set('service', service)
  realm.searchParams.set('scope', scope)
  return { url: realm.href, headers: basic ? { authorization: basic } : {} }
}

function foreignRealm({ registry }: ImageReference, realm: URL, fault: string): ToolError {
  return new ToolError(
    `the registry ${registry} wants its login sent to ${realm.origin}, and ${fault}; nothing was sent there`,
    {
      tool: 'registry',
      reason: 'registry-untrusted',
      hint: `If ${realm.hostname} is the token service of this registry, add it to image.token-hosts of the environment in the runbook. If not, the answer may not come from the registry: do not log in to it.`,
    },
  )
}
