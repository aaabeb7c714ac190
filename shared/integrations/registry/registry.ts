import { ToolError } from '../../outcome/errors.ts'
import { digestOf, isDigest, mismatch, requireDigest } from './content-digest.ts'
import { readLogin, type LoginSource } from './docker-config.ts'
import { isLoopback, openHttp, type Http, type HttpAnswer } from '../http/http.ts'
import { HttpFault } from '../http/http-fault.ts'
import { nameOf, parseImage, type ImageReference } from './image-reference.ts'
import { answerChallenge } from './registry-token.ts'

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

/** A registry answers in well under a second. */
const timeoutMs = 15_000
/** The OCI distribution specification asks registries to take manifests up to 4 MiB. */
export const maxManifestBytes = 4 * 2 ** 20

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

/**
 * The digest of the manifest that a reference means. What a registry says of a tag is believed, since the tag is its own;
 * the pull by the digest compares it with what comes. What it says of a digest has to be that digest.
 */
async function readDigest(ask: AskRegistry, image: ImageReference): Promise<string> {
  const head = await ask('HEAD')
  const named = head.headers['docker-content-digest']
  if (head.status === 200 && named !== undefined && /^sha256:[0-9a-f]{64}$/.test(named)) {
    requireAsked(image, named)
    return named
  }
  // Some registries answer HEAD with nothing that helps: only GET says what is wrong, or gives what has to be hashed.
  const answer = await ask('GET')
  if (answer.status !== 200 || answer.truncated) throw refusal(image, answer)
  return manifestDigest(image, answer)
}

/**
 * The digest of a manifest that was read by the reference.
 * @throws ToolError with the reason `image-mismatch` when it is another than the reference has, or than the registry says
 */
export function manifestDigest(image: ImageReference, { bytes, headers }: HttpAnswer): string {
  const found = digestOf(bytes)
  requireAsked(image, found)
  const named = headers['docker-content-digest']
  if (named !== undefined && isDigest(named))
    requireDigest(`the manifest of ${nameOf(image)}`, image.registry, named, bytes)
  return found
}

function requireAsked(image: ImageReference, found: string): void {
  if (image.digest === '' || image.digest === found) return
  throw mismatch(
    `${image.registry} was asked for ${nameOf(image)}@${image.digest}, and answered with ${found}`,
  )
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
      // Blobs are kept elsewhere by most registries. The login stays here, and what comes is compared with its digest.
      origins: 'secure',
      signal: source.signal,
    })
  return async (method, path = usual) => {
    let answer: HttpAnswer
    try {
      answer = await send(method, path)
    } catch (error) {
      source.signal.throwIfAborted()
      // Docker takes loopback registries without TLS, and so do we.
      if (!isLoopback(new URL(`https://${host}`).hostname) || scheme === 'http')
        throw unreachable(image, error)
      scheme = 'http'
      answer = await send(method, path).catch((again: unknown) => {
        source.signal.throwIfAborted()
        throw unreachable(image, again)
      })
    }
    if (answer.status !== 401 || authorization !== undefined) return answer
    authorization = await answerChallenge(
      {
        ...{ http, image, login, registry: new URL(`${scheme}://${host}`) },
        ...{ tokenHosts: source.tokenHosts ?? [], signal: source.signal },
      },
      answer,
    ).catch((error: unknown) => {
      source.signal.throwIfAborted()
      throw unreachable(image, error)
    })
    return authorization === undefined ? answer : send(method, path)
  }
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
