import { cutEnd } from '../../outcome/cut.ts'
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { InputError, messageOf } from '../../outcome/errors.ts'
import { damaged } from './frames.ts'
import type { Opening, Sealing } from './seal.ts'

/* The age format, as published at https://age-encryption.org/v1. Its header, which wraps one file key for each recipient,
 * is the age-encryption package's. The payload is ours, on node's own ChaCha20-Poly1305: 0.6 s of
 * one core for 200 MiB, where the package's takes 1.5 s (measured in turn, on a busy machine). */

const [chunkBytes, tagBytes, nonceBytes] = [65_536, 16, 16]
/** Far more than the header of a hundred recipients takes. */
const mostHeader = 2 ** 20

/** What `encrypt-to` accepts, for messages. */
export const acceptedRecipients = 'age recipients like age1..., separated by spaces or commas'

/** What an age identity looks like. */
export const identityPattern = /^AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]+$/

/**
 * Seals to recipients, of whom only the public keys are needed. Until the run ends it can open what it sealed itself.
 * @param where the input's name, for errors
 * @throws InputError for a text that is no recipient
 */
export async function sealTo(where: string, recipients: string[]): Promise<Sealing> {
  const { Encrypter } = await import('age-encryption')
  const encrypter = new Encrypter()
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient)
    } catch (error) {
      throw new InputError(
        `${where} has a text that is no age recipient (${messageOf(error)}): ${cutEnd(recipient, 15)}; accepted: ${acceptedRecipients}`,
        {
          hint: 'Give the public key that age-keygen wrote, which starts with age1; never the secret one.',
          cause: error,
        },
      )
    }
  }
  let fileKey = new Uint8Array()
  // The package hands the file key to every recipient. This one keeps it, and puts nothing into the header.
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = Uint8Array.from(key)
      return []
    },
  })
  const empty = await encrypter.encrypt(new Uint8Array())
  const header = Buffer.from(empty.subarray(0, empty.length - nonceBytes - tagBytes))
  return {
    extension: '.dump.zst.age',
    encryption: { how: 'age', recipients },
    opened: 'session',
    async *seal(source) {
      const nonce = randomBytes(nonceBytes)
      yield Buffer.concat([header, nonce])
      yield* sealPayload(payloadKey(fileKey, nonce), source)
    },
    open: source => openWith(source, () => Promise.resolve(fileKey)),
  }
}

/**
 * Opens with an identity.
 * @param where the input's name, for errors
 * @throws InputError for a text that is no identity
 */
export async function openWithIdentity(where: string, identity: string): Promise<Opening> {
  const { Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  try {
    decrypter.addIdentity(identity)
  } catch (error) {
    // Never the text itself: it may be a mistyped secret.
    throw new InputError(`${where} is no age identity; accepted: a text like AGE-SECRET-KEY-1...`, {
      hint: `Set ${where} to the secret key that age-keygen wrote.`,
      cause: error,
    })
  }
  return {
    opened: 'key',
    open: source =>
      openWith(source, async header => {
        try {
          return await decrypter.decryptHeader(header)
        } catch (error) {
          if (!messageOf(error).includes('no identity matched'))
            throw damaged(`its age header cannot be read: ${messageOf(error)}`, error)
          throw new InputError(
            `${where} is not the identity of any recipient that this backup was encrypted to`,
            {
              hint: 'Give the identity of one of the recipients that its manifest names.',
              cause: error,
            },
          )
        }
      }),
  }
}

type Unwrap = (header: Uint8Array) => Promise<Uint8Array>

async function* openWith(source: AsyncIterable<Buffer>, unwrap: Unwrap): AsyncGenerator<Buffer> {
  const input = source[Symbol.asyncIterator]()
  try {
    let bytes: Buffer = Buffer.alloc(0)
    let end = 0
    while (end === 0 || bytes.length < end + nonceBytes) {
      const next = await input.next()
      if (next.done === true) throw damaged('it ends within its age header')
      bytes = Buffer.concat([bytes, next.value])
      end ||= headerLength(bytes)
      if (end === 0 && bytes.length > mostHeader) throw damaged('what is stored has no age header')
    }
    const key = payloadKey(await unwrap(bytes.subarray(0, end)), bytes.subarray(end, end + nonceBytes))
    const rest = bytes.subarray(end + nonceBytes)
    yield* openPayload(
      key,
      (async function* () {
        yield rest
        for (let next = await input.next(); next.done !== true; next = await input.next()) yield next.value
      })(),
    )
  } finally {
    await input.return?.()
  }
}

/** Bytes of the header: it ends with the line of its MAC. 0 when that is not there yet. */
function headerLength(bytes: Buffer): number {
  const last = bytes.indexOf('\n--- ')
  const end = last < 0 ? -1 : bytes.indexOf('\n', last + 1)
  return end < 0 ? 0 : end + 1
}

function payloadKey(fileKey: Uint8Array, nonce: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32))
}

/** STREAM: a counter of 11 bytes and one that is 1 for the last chunk. */
function nonceOf(index: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(index, 5, 6)
  nonce.writeUInt8(last ? 1 : 0, 11)
  return nonce
}

async function* sealPayload(key: Buffer, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let index = 0
  for await (const { chunks, last } of cutChunks(source, chunkBytes)) {
    const sealed: Buffer[] = []
    for (const [at, chunk] of chunks.entries()) {
      const nonce = nonceOf(index++, last && at === chunks.length - 1)
      const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: tagBytes })
      sealed.push(cipher.update(chunk), cipher.final(), cipher.getAuthTag())
    }
    yield Buffer.concat(sealed)
  }
}

async function* openPayload(key: Buffer, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let index = 0
  for await (const { chunks, last } of cutChunks(source, chunkBytes + tagBytes)) {
    const opened: Buffer[] = []
    for (const [at, chunk] of chunks.entries()) {
      const nonce = nonceOf(index++, last && at === chunks.length - 1)
      if (chunk.length < tagBytes) throw damaged('it ends within a chunk of its encryption')
      const cipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: tagBytes })
      cipher.setAuthTag(chunk.subarray(-tagBytes))
      try {
        opened.push(cipher.update(chunk.subarray(0, -tagBytes)), cipher.final())
      } catch (error) {
        throw damaged('it was changed, or cut, after it was encrypted', error)
      }
    }
    yield Buffer.concat(opened)
  }
}

/**
 * Cuts a stream into chunks, given in runs of those that a read brought. The last one may be shorter, and is empty only
 * when all is; so one is always kept back until something follows it.
 */
async function* cutChunks(
  source: AsyncIterable<Buffer>,
  size: number,
): AsyncGenerator<{ chunks: Buffer[]; last: boolean }> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const bytes of source) {
    if (bytes.length === 0) continue
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
    const whole = Math.floor((rest.length - 1) / size)
    if (whole === 0) continue
    yield {
      chunks: Array.from({ length: whole }, (_, i) => rest.subarray(i * size, (i + 1) * size)),
      last: false,
    }
    rest = rest.subarray(whole * size)
  }
  yield { chunks: [rest], last: true }
}
