import { z } from 'zod'
import { ToolError } from '../outcome/errors.ts'
import { isDigest } from '../integrations/registry/content-digest.ts'
import { readContent } from '../integrations/registry/image-config.ts'
import type { ImageReference } from '../integrations/registry/image-reference.ts'
import { refusal, type AskRegistry } from '../integrations/registry/registry.ts'
import type { HttpAnswer } from '../integrations/http/http.ts'

/** What may attest an image: nothing of it is verified yet. */
export type Candidate =
  /** A Sigstore bundle, JSON. */
  | { kind: 'bundle'; text: string }
  /** A payload of `cosign sign` with its signature, Base64. */
  | { kind: 'signature'; payload: Buffer; signature: string }
  /** Something that could not be read; one clause. */
  | { kind: 'unreadable'; why: string }

/** An image has an attestation or two of each build; what comes after is not read. */
const mostCandidates = 64

const bundleType = 'application/vnd.dev.sigstore.bundle'
const simpleSigning = 'application/vnd.dev.cosign.simplesigning.v1+json'
const signatureAnnotation = 'dev.cosignproject.cosign/signature'

const descriptor = z.object({
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  digest: z.string().refine(isDigest),
  size: z.int().min(0),
  annotations: z.record(z.string(), z.string()).optional(),
})
const indexSchema = z.object({ manifests: z.array(descriptor) })
const manifestSchema = z.object({ layers: z.array(descriptor) })
type Descriptor = z.infer<typeof descriptor>

/**
 * Sigstore bundles that refer to an image: by the registry's referrers API, or where it has none, by the index that is
 * kept under the tag `sha256-...` (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers).
 * @throws ToolError when the registry does not answer, or does not let it be read
 */
export async function findBundles(ask: AskRegistry, image: ImageReference): Promise<Candidate[]> {
  const direct = await ask('GET', `referrers/${image.digest}`)
  const answer = isUnknown(direct) ? await ask('GET', `manifests/${tagOf(image)}`) : direct
  if (isUnknown(answer)) return []
  if (answer.status !== 200 || answer.truncated) throw refusal(image, answer)
  const index = indexSchema.safeParse(parse(answer.body)).data
  if (!index) return [{ kind: 'unreadable', why: 'its list of referrers is none' }]
  const named = index.manifests.filter(({ artifactType = bundleType }) => artifactType.startsWith(bundleType))
  const found: Candidate[] = []
  for (const each of named.slice(0, mostCandidates)) found.push(await readBundle(ask, image, each))
  return found
}

async function readBundle(ask: AskRegistry, image: ImageReference, named: Descriptor): Promise<Candidate> {
  return orUnreadable(async () => {
    const { body } = await readContent(ask, image, 'manifests', named)
    const layers = manifestSchema.safeParse(parse(body)).data?.layers ?? []
    const layer = layers.find(({ mediaType = '' }) => mediaType.startsWith(bundleType))
    if (!layer) return { kind: 'unreadable', why: `${named.digest} has no Sigstore bundle` }
    return { kind: 'bundle', text: (await readContent(ask, image, 'blobs', layer)).body }
  })
}

/** Signatures that `cosign sign` keeps under the tag `sha256-....sig`. @throws as `findBundles` */
export async function findSignatures(ask: AskRegistry, image: ImageReference): Promise<Candidate[]> {
  const answer = await ask('GET', `manifests/${tagOf(image)}.sig`)
  if (isUnknown(answer)) return []
  if (answer.status !== 200 || answer.truncated) throw refusal(image, answer)
  const layers = manifestSchema.safeParse(parse(answer.body)).data?.layers ?? []
  const named = layers.filter(({ mediaType }) => mediaType === simpleSigning)
  const found: Candidate[] = []
  for (const layer of named.slice(0, mostCandidates)) {
    const signature = layer.annotations?.[signatureAnnotation] ?? ''
    found.push(
      await orUnreadable(async () => {
        const { bytes } = await readContent(ask, image, 'blobs', layer)
        return { kind: 'signature', payload: bytes, signature }
      }),
    )
  }
  return found
}

/** One that a registry lies about keeps no other from being read. */
async function orUnreadable(read: () => Promise<Candidate>): Promise<Candidate> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof ToolError) return { kind: 'unreadable', why: error.message }
    throw error
  }
}

/** A registry without the API answers 404, or that the path or the method is unknown to it. */
function isUnknown({ status }: HttpAnswer): boolean {
  return [400, 404, 405, 501].includes(status)
}

function tagOf({ digest }: ImageReference): string {
  return digest.replace(':', '-')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
