import { z } from 'zod'
import { ToolError } from '../../outcome/errors.ts'
import { isDigest, mismatch, requireContent, type Descriptor } from './content-digest.ts'
import type { LoginSource } from './docker-config.ts'
import { openHttp, type HttpAnswer } from '../http/http.ts'
import { nameOf, parseImage, type ImageReference } from './image-reference.ts'
import { connectRegistry, manifestDigest, maxManifestBytes, refusal, type AskRegistry } from './registry.ts'

/** What an image says of itself (https://github.com/opencontainers/image-spec/blob/main/config.md). */
export interface ImageConfig {
  /** `USER` of its Dockerfile; empty is root. */
  user: string
  /** `linux/amd64` */
  platform: string
  /** Container paths that its Dockerfile declares with `VOLUME`. */
  volumes: string[]
  /** Its labels by their names. */
  labels: Record<string, string>
}

const descriptor = z.object({
  digest: z.string().refine(isDigest, { error: 'a digest of sha256 or sha512' }),
  size: z.int().min(0),
})
const manifestSchema = z.object({
  manifests: z
    .array(
      descriptor.extend({
        platform: z.object({ os: z.string().optional(), architecture: z.string().optional() }).optional(),
      }),
    )
    .optional(),
  config: descriptor.optional(),
})
const configSchema = z.object({
  config: z
    .object({
      User: z.string().nullish(),
      Volumes: z.record(z.string(), z.unknown()).nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
    })
    .nullish(),
  os: z.string().optional(),
  architecture: z.string().optional(),
})

/**
 * Reads an image's configuration from its registry; of an image for several platforms, that of Linux on amd64. Everything
 * that is read has the digest and the size by which it was named.
 * @throws InputError when it is no image reference
 * @throws ToolError when the registry cannot be asked, has no such image, or answers with other content than was asked for
 */
export async function readImageConfig(reference: string, source: LoginSource): Promise<ImageConfig> {
  const image = parseImage('image', reference)
  const http = openHttp('fresh')
  try {
    const ask = await connectRegistry(http, image, source)
    const top = await ask('GET')
    if (top.status !== 200 || top.truncated) throw refusal(image, top)
    manifestDigest(image, top)
    let manifest = parse(manifestSchema, image, top)
    const platforms = manifest.manifests
    // Read as an index by one program and as a manifest by the next, it would be two images under one digest.
    if (platforms && manifest.config) throw noImage(image)
    if (platforms) {
      const chosen =
        platforms.find(({ platform }) => platform?.os === 'linux' && platform.architecture === 'amd64') ??
        platforms[0]
      if (!chosen) throw noImage(image)
      manifest = parse(manifestSchema, image, await readContent(ask, image, 'manifests', chosen))
    }
    if (!manifest.config) throw noImage(image)
    const { config, os, architecture } = parse(
      configSchema,
      image,
      await readContent(ask, image, 'blobs', manifest.config),
    )
    return {
      user: config?.User ?? '',
      platform: `${os ?? ''}/${architecture ?? ''}`,
      volumes: Object.keys(config?.Volumes ?? {}),
      labels: config?.Labels ?? {},
    }
  } finally {
    http.close()
  }
}

/**
 * Reads what a descriptor names.
 * @throws ToolError when the registry does not give it, or gives something else; nothing above 4 MiB is read
 */
export async function readContent(
  ask: AskRegistry,
  image: ImageReference,
  kind: 'manifests' | 'blobs',
  named: Descriptor,
): Promise<HttpAnswer> {
  const what = `${kind === 'blobs' ? 'a part' : 'a manifest'} of ${nameOf(image)} (${named.digest})`
  if (named.size > maxManifestBytes)
    throw mismatch(`${image.registry} names ${what} with ${named.size} bytes, and at most 4 MiB are read`)
  const answer = await ask('GET', `${kind}/${named.digest}`)
  if (answer.status !== 200) throw refusal(image, answer)
  requireContent(what, image.registry, named, answer.bytes)
  return answer
}

function parse<Schema extends z.ZodType>(
  schema: Schema,
  image: ImageReference,
  { body }: HttpAnswer,
): z.infer<Schema> {
  let document: unknown
  try {
    document = JSON.parse(body)
  } catch (cause) {
    throw new ToolError(`${image.registry} answered with something that is no JSON`, {
      tool: 'registry',
      hint: 'Check that the reference names a container image.',
      cause,
    })
  }
  const { success, data } = schema.safeParse(document)
  if (success) return data
  throw noImage(image)
}

function noImage(image: ImageReference): ToolError {
  return new ToolError(`what ${image.registry} has as ${nameOf(image)} is not a container image`, {
    tool: 'registry',
    hint: 'Check that the reference names a container image, and neither a chart nor another artifact.',
  })
}
