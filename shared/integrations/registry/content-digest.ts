import { createHash } from 'node:crypto'
import { ToolError } from '../../outcome/errors.ts'

/** What a manifest says of a part of an image (https://github.com/opencontainers/image-spec/blob/main/descriptor.md). */
export interface Descriptor {
  digest: string
  /** Bytes. */
  size: number
}

/** The algorithms that the OCI image specification registers, and the length of each in hexadecimal digits. */
const lengths: Record<string, number> = { sha256: 64, sha512: 128 }

/** A digest of an algorithm that is accepted, written in full: safe to compare, and safe as a part of a URL. */
export function isDigest(text: string): boolean {
  const [algorithm = '', hex = '', ...rest] = text.split(':')
  const length = Object.hasOwn(lengths, algorithm) ? lengths[algorithm] : undefined
  return rest.length === 0 && hex.length === length && /^[0-9a-f]+$/.test(hex)
}

/**
 * Requires content to be what a descriptor names.
 * @param what names the content for the error: `the configuration of registry.example.com/api`
 * @throws ToolError with the reason `image-mismatch` when its size or its digest is another
 */
export function requireContent(
  what: string,
  registry: string,
  { digest, size }: Descriptor,
  bytes: Buffer,
): void {
  if (bytes.length !== size)
    throw mismatch(`${registry} sent ${bytes.length} bytes as ${what}, and its descriptor names ${size}`)
  requireDigest(what, registry, digest, bytes)
}

/** Requires content to have a digest. @throws as `requireContent` */
export function requireDigest(what: string, registry: string, digest: string, bytes: Buffer): void {
  if (!isDigest(digest))
    throw mismatch(`${registry} names ${what} by a digest that is not of sha256 or sha512`)
  const found = digestOf(bytes, digest.split(':')[0])
  if (found !== digest) throw mismatch(`${registry} sent ${found} as ${what}, which is to be ${digest}`)
}

/** The digest of content, `sha256:...` unless another algorithm is named. */
export function digestOf(bytes: Buffer, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

/** The error for content that is not what was asked for. */
export function mismatch(message: string): ToolError {
  return new ToolError(message, {
    tool: 'registry',
    reason: 'image-mismatch',
    hint: 'Nothing of it was used. Look whether a proxy or mirror in front of the registry answers in its place; if not, treat the registry as compromised until it is clear why.',
  })
}
