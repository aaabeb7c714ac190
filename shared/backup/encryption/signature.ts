import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { InputError } from '../../outcome/errors.ts'
import { framed, keyidOf, type VerifyingKey } from '../../config/verifying-key.ts'

/* Signatures are DSSE envelopes (https://github.com/secure-systems-lab/dsse, v1.0) with Ed25519 (RFC 8032). DSSE signs the
 * type together with the payload, so that what is signed for one purpose is never taken for another, and signs bytes
 * rather than a canonical form of JSON. Its envelope is JSON, as manifests are, holds several signatures for a change of keys,
 * and is what in-toto and Sigstore sign with. minisign and SSHSIG would each take a file more beside every manifest, which can
 * be exchanged apart from it, and a program or a parser of their own; Ed25519 is in node:crypto. Keys are PEM, as OpenSSL
 * writes them. */

/** The private key of a job. */
export interface SigningKey extends VerifyingKey {
  secret: KeyObject
}

/** What an envelope has to hold, and who has to have signed it. */
export interface Expected {
  /** Says for what the payload was signed. */
  payloadType: string
  keys: VerifyingKey[]
}

/** What was found in an envelope. */
export type Opened =
  | { kind: 'signed'; payload: Buffer; keyid: string }
  /** `why`: one clause, like `no key of the runbook has signed it`. */
  | { kind: 'refused'; why: string }

/** What `signing-key` accepts, for messages. */
export const acceptedSigningKey =
  'an Ed25519 private key as PEM, as openssl genpkey -algorithm ed25519 writes it'

/**
 * @param where the input's name, for the error, which never shows the text
 * @throws InputError
 */
export function readSigningKey(where: string, text: string): SigningKey {
  try {
    const secret = createPrivateKey(framed('PRIVATE KEY', text))
    if (secret.asymmetricKeyType === 'ed25519') {
      const key = createPublicKey(secret)
      return { keyid: keyidOf(key), key, secret }
    }
  } catch {
    // The error of OpenSSL says nothing that helps, and the answer is the same.
  }
  throw new InputError(`${where} is not a key that signs; accepted: ${acceptedSigningKey}`, {
    hint: `Set ${where} to the whole file that was written by: openssl genpkey -algorithm ed25519. A key with a passphrase is not accepted.`,
  })
}

/** Signs a payload. @returns the envelope as JSON */
export function signEnvelope(payloadType: string, payload: Buffer, { keyid, secret }: SigningKey): string {
  const sig = sign(null, preAuthentication(payloadType, payload), secret).toString('base64')
  const envelope = { payloadType, payload: payload.toString('base64'), signatures: [{ keyid, sig }] }
  return `${JSON.stringify(envelope)}\n`
}

/** True for a text that has the form of an envelope. Who signed it is not looked at. */
export function isEnvelope(document: unknown): document is Envelope {
  const { payloadType, payload, signatures } = (document ?? {}) as Record<string, unknown>
  return (
    typeof payloadType === 'string' &&
    typeof payload === 'string' &&
    Array.isArray(signatures) &&
    signatures.every(each => typeof (each as { sig?: unknown } | null)?.sig === 'string')
  )
}

interface Envelope {
  payloadType: string
  payload: string
  signatures: { keyid?: unknown; sig: string }[]
}

/** More signatures than a rotation of keys takes are not tried. */
const mostSignatures = 16

/**
 * The payload of an envelope, once one of the keys is found to have signed it. The key id in the envelope is not signed,
 * and decides nothing.
 */
export function openEnvelope(document: unknown, { payloadType, keys }: Expected): Opened {
  if (!isEnvelope(document)) return { kind: 'refused', why: 'it is not signed' }
  if (document.payloadType !== payloadType) return { kind: 'refused', why: 'it was signed as something else' }
  const payload = Buffer.from(document.payload, 'base64')
  const signed = preAuthentication(payloadType, payload)
  for (const { sig } of document.signatures.slice(0, mostSignatures)) {
    const signature = Buffer.from(sig, 'base64')
    const by = keys.find(({ key }) => signature.length === 64 && verify(null, signed, key, signature))
    if (by) return { kind: 'signed', payload, keyid: by.keyid }
  }
  return { kind: 'refused', why: 'no key of the runbook (backup.signed-by) has signed it' }
}

/** What is signed: DSSE's PAE, in which no part can be taken for another. */
function preAuthentication(payloadType: string, payload: Buffer): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `
  return Buffer.concat([Buffer.from(head), payload])
}
