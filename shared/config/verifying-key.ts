import { createHash, createPublicKey, type KeyObject } from 'node:crypto'

/** A public key that says whose signatures are trusted. */
export interface VerifyingKey {
  /** SHA-256 of the key as SubjectPublicKeyInfo, hexadecimal. */
  keyid: string
  key: KeyObject
}

/** What `backup.signed-by` accepts, for messages. */
export const acceptedVerifyingKey =
  'an Ed25519 public key as PEM, or the one line in the middle of it, like MCowBQYDK2VwAyEA...'

/** @returns undefined for a text that is no such key; a private key is none */
export function readVerifyingKey(text: string): VerifyingKey | undefined {
  if (text.includes('PRIVATE')) return undefined
  try {
    const key = createPublicKey(framed('PUBLIC KEY', text))
    return key.asymmetricKeyType === 'ed25519' ? { keyid: keyidOf(key), key } : undefined
  } catch {
    return undefined
  }
}

/** The one line that the runbook takes for a key. */
export function showVerifyingKey({ key }: VerifyingKey): string {
  return key.export({ type: 'spki', format: 'der' }).toString('base64')
}

/** The id of a public key. */
export function keyidOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}

/** A PEM as it is; the line in the middle of one gets its frame. */
export function framed(label: 'PUBLIC KEY' | 'PRIVATE KEY', text: string): string {
  const trimmed = text.trim()
  if (trimmed.startsWith('-----BEGIN ')) return trimmed
  return `-----BEGIN ${label}-----\n${trimmed}\n-----END ${label}-----\n`
}
