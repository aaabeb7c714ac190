import { z } from 'zod'

/** An in-toto statement (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md), as far as it is judged. */
const statementSchema = z.object({
  _type: z.enum(['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1']),
  subject: z.array(z.object({ digest: z.record(z.string(), z.string()) })).min(1),
  predicateType: z.string(),
})

/** What `cosign sign` signs without a bundle (https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md). */
const simpleSigningSchema = z.object({
  critical: z.object({
    type: z.literal('cosign container image signature'),
    image: z.object({ 'docker-manifest-digest': z.string() }),
  }),
})

/**
 * Why a signed statement is not about an image, as the end of a sentence; undefined when it is.
 * @param payload what was signed, after the signature was verified
 * @param digest of the image, `sha256:...`
 */
export function statementFault(payload: Buffer, digest: string, predicate: string): string | undefined {
  const { data } = statementSchema.safeParse(parse(payload))
  if (!data) return 'it is no in-toto statement'
  const subjects = data.subject.map(({ digest: digests }) =>
    Object.hasOwn(digests, 'sha256') ? `sha256:${digests['sha256'] ?? ''}` : 'no digest of sha256',
  )
  if (!subjects.includes(digest)) return `it is about ${subjects.slice(0, 3).join(', ')}`
  return data.predicateType === predicate ? undefined : `it states ${data.predicateType}, not ${predicate}`
}

/** As `statementFault`, for the payload of a signature that `cosign sign` keeps beside the image. */
export function simpleSigningFault(payload: Buffer, digest: string): string | undefined {
  const { data } = simpleSigningSchema.safeParse(parse(payload))
  if (!data) return 'it is no signature of an image'
  const signed = data.critical.image['docker-manifest-digest']
  return signed === digest ? undefined : `it is about ${signed}`
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'))
  } catch {
    return undefined
  }
}
