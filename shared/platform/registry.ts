import { createHash } from 'node:crypto'
import { ToolError } from '../outcome/errors.ts'
import { readLogin, type LoginSource, type RegistryLogin } from './docker-config.ts'
import { openHttp, type Http, type HttpAnswer } from './http.ts'
import { HttpFault } from './http-fault.ts'
import { nameOf, parseImage, type ImageReference } from './image-reference.ts'

/** An image as its registry knows it. */
export interface ResolvedImage {
  /** `registry/repository@sha256:...`: the same image for ever. */
  pinned: string
  digest: string
}

/** Every kind of manifest: of an image or of an index of images, in both dialects. */
const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** A registry answers in well under a second; a token service of a big cloud may take some. */
const timeoutMs = 15_000
/** The OCI distribution specification asks registries to take manifests up to 4 MiB. */
const maxManifestBytes = 4 * 2 ** 20

/**
 * Asks the registry which image a reference means now, with the login that `docker login` left.
 * @throws InputError when it is no image reference
 * @throws ToolError when the registry cannot be asked, has no such image (code 404), or does not show it (401, 403)
 */
export async function resolveImage(reference: string, source: LoginSource): Promise<ResolvedImage> {
  const image = parseImage('image', reference)
  const http = openHttp('fresh')
  try {
    const registry = await connectRegistry(http, image, source)
    const digest = await readDigest(registry, image)
    return { pinned: `${nameOf(image)}@${digest}`, digest }
  } finally {
    http.close()
  }
}

/** Asks for a part of a repository: `manifests/v1.2.3`, `blobs/sha256:...`; by default, for the manifest that the reference names. */
export type AskRegistry = (method: string, path?: string) => Promise<HttpAnswer>

async function readDigest(ask: AskRegistry, image: ImageReference): Promise<string> {
  const head = await ask('HEAD')
  const said = head.headers['docker-content-digest']
  if (head.status === 200 && said !== undefined && /^sha256:[0-9a-f]{64}$/.test(said)) return said
  // Some registries answer HEAD with nothing that helps: only GET says what is wrong, or gives what has to be hashed.
  const answer = await ask('GET')
  if (answer.status === 200 && !answer.truncated)
    return image.digest || `sha256:${createHash('sha256').update(answer.body).digest('hex')}`
  throw refusal(image, answer)
}

/** Opens one repository of a registry, with the login that `docker login` left; the registry's challenge is answered once. */
export async function connectRegistry(
  http: Http,
  image: ImageReference,
  source: LoginSource,
): Promise<AskRegistry> {
  const login = await readLogin(image.registry, source)
  const host = image.registry === 'docker.io' ? 'registry-1.docker.io' : image.registry
  const usual = `manifests/${image.digest || image.tag}`
  let scheme = 'https'
  let authorization: string | undefined
  const send = (method: string, path: string) =>
    http.request({
      url: `${scheme}://${host}/v2/${image.repository}/${path}`,
      method,
      headers: { accept: manifestTypes, ...(authorization === undefined ? {} : { authorization }) },
      timeoutMs,
      maxBytes: maxManifestBytes,
      hops: 3,
      signal: source.signal,
    })
  return async (method, path = usual) => {
    let answer: HttpAnswer
    try {
      answer = await send(method, path)
    } catch (error) {
      source.signal.throwIfAborted()
      // Docker takes loopback registries without TLS, and so do we.
      if (!isLoopback(host) || scheme === 'http') throw unreachable(image, error)
      scheme = 'http'
      answer = await send(method, path).catch((again: unknown) => {
        source.signal.throwIfAborted()
        throw unreachable(image, again)
      })
    }
    if (answer.status !== 401 || authorization !== undefined) return answer
    authorization = await authorize(http, image, answer, login, source.signal)
    return authorization === undefined ? answer : send(method, path)
  }
}

/** Answers a challenge: `Basic`, or `Bearer` by way of a token service (distribution/docs, "Token Authentication"). */
async function authorize(
  http: Http,
  image: ImageReference,
  challenged: HttpAnswer,
  login: RegistryLogin | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const challenge = challenged.headers['www-authenticate'] ?? ''
  const basic = login?.username
    ? `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
    : undefined
  if (/^basic\b/i.test(challenge)) return basic
  const asked = new Map(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]),
  )
  const realm = URL.parse(asked.get('realm') ?? '', challenged.url)
  if (!/^bearer\b/i.test(challenge) || !realm || !/^https?:$/.test(realm.protocol)) return undefined
  const service = asked.get('service') ?? ''
  const scope = asked.get('scope') ?? `repository:${image.repository}:pull`
  const answer = await http.request(tokenRequest(realm, { service, scope }, login, basic, signal))
  if (answer.status !== 200) return undefined
  const { token, access_token } = JSON.parse(answer.body) as { token?: string; access_token?: string }
  const given = token ?? access_token
  return given === undefined ? undefined : `Bearer ${given}`
}

function tokenRequest(
  realm: URL,
  { service, scope }: { service: string; scope: string },
  login: RegistryLogin | undefined,
  basic: string | undefined,
  signal: AbortSignal,
) {
  if (login?.identityToken) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      service,
      scope,
      client_id: 'runbook-actions',
      refresh_token: login.identityToken,
    })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return { url: realm.href, method: 'POST', headers, body: form.toString(), timeoutMs, signal }
  }
  if (service) realm.searchParams.set('service', service)
  realm.searchParams.set('scope', scope)
  return { url: realm.href, headers: basic ? { authorization: basic } : {}, timeoutMs, signal }
}

/** Why a registry did not give an image, as the error to throw. */
export function refusal(image: ImageReference, { status, body }: HttpAnswer): ToolError {
  const shown = `${nameOf(image)}${image.digest ? `@${image.digest}` : `:${image.tag}`}`
  const said = /"message"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? ''
  const detail = { tool: 'registry', code: status, stderr: said }
  if (status === 404) {
    return new ToolError(`${image.registry} has no image ${shown}`, {
      ...detail,
      reason: 'image-not-found',
      hint: 'Check the name and the tag, and that the build of this version has pushed it.',
    })
  }
  if (status === 401 || status === 403) {
    return new ToolError(`${image.registry} does not let us see ${shown} (${status})`, {
      ...detail,
      reason: 'image-not-found',
      hint: `Check that the image exists, and log in before this step: docker login ${image.registry}, as a user who may pull it.`,
    })
  }
  return new ToolError(`${image.registry} answered ${status} when asked for ${shown}`, {
    ...detail,
    hint:
      status === 429
        ? 'Log in, or wait: the registry limits how often it may be asked.'
        : 'Look at the state of the registry, then try again.',
  })
}

function unreachable(image: ImageReference, cause: unknown): unknown {
  if (!(cause instanceof HttpFault)) return cause
  return new ToolError(`the registry ${image.registry} cannot be asked: ${cause.finding}`, {
    tool: 'registry',
    hint: cause.hint,
    cause,
  })
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host)
}
