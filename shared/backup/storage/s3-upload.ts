import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3'

/** S3 takes 10,000 parts of 5 MiB to 5 GiB; 8 MiB is what its own command uses. */
const leastPart = 8 * 2 ** 20
const mostParts = 10_000
/** Parts that are under way at once, beside the one that fills: what bounds the memory, to 40 MiB up to 70 GiB. */
const partsAtOnce = 4

/** How long parts under way may take to end when the upload is given up; a cancelled job has ten seconds in all. */
const patienceMs = 4_000

/** Metadata by which an upload knows its own object again. */
const markName = 'runbook-upload'

/** Where an object is to be. */
export interface Place {
  Bucket: string
  Key: string
  ContentType: string
  /** Set where the store takes no object without: it wants one for what is locked. */
  ChecksumAlgorithm?: 'SHA256'
  ServerSideEncryption?: 'AES256' | 'aws:kms'
  SSEKMSKeyId?: string
  ObjectLockMode?: 'GOVERNANCE' | 'COMPLIANCE'
  ObjectLockRetainUntilDate?: Date
}

/**
 * Uploads a stream of unknown length. The object appears when the stream has ended well, and then whole; it never takes
 * the place of another one. When it fails, or is aborted, the parts that were sent are removed before this returns.
 * @param expectedBytes an upper estimate, by which the parts are sized
 */
export async function uploadStream(
  client: S3Client,
  place: Place,
  body: Readable,
  expectedBytes: number,
  signal: AbortSignal,
): Promise<void> {
  const { Bucket, Key, ChecksumAlgorithm } = place
  const marked = { ...place, Metadata: { [markName]: randomUUID() } }
  // Sized for nine tenths of the parts: the estimate may be a little low.
  const partBytes = Math.max(leastPart, Math.ceil(expectedBytes / (mostParts * 0.9)))
  const spare: Buffer[] = []
  const parts = cut(body, partBytes, spare)
  const first = await parts.next()
  if (first.done === true || first.value.last) {
    const Body = first.done === true ? Buffer.alloc(0) : first.value.bytes
    signal.throwIfAborted()
    await commit(client, marked, only => client.send(new PutObjectCommand({ ...marked, ...only, Body })))
    return
  }
  // What creates or completes is short and is never cut off: then it would not be known whether the store had done it.
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(marked))
  const upload = { Bucket, Key, UploadId }
  const [sent, underWay, failures] = [[] as CompletedPart[], new Set<Promise<void>>(), [] as unknown[]]
  const stop = new AbortController()
  const send = async (PartNumber: number, Body: Buffer) => {
    try {
      const part = { ...upload, ...(ChecksumAlgorithm ? { ChecksumAlgorithm } : {}), PartNumber, Body }
      const { ETag, ChecksumSHA256 } = await client.send(new UploadPartCommand(part), {
        abortSignal: stop.signal,
      })
      sent.push({ PartNumber, ETag, ...(ChecksumAlgorithm ? { ChecksumSHA256 } : {}) })
      // Only what the store has taken: one that failed may still be read by a request that was cut off.
      if (Body.length === partBytes) spare.push(Body)
    } catch (error) {
      failures.push(error)
    }
  }
  const requireSound = () => {
    signal.throwIfAborted()
    if (failures.length > 0) throw failures[0]
  }
  try {
    let part: IteratorResult<Piece> = first
    for (let number = 1; part.done !== true; number++, part = await parts.next()) {
      requireSound()
      const sending: Promise<void> = send(number, part.value.bytes).finally(() => underWay.delete(sending))
      underWay.add(sending)
      if (underWay.size >= partsAtOnce) await unlessAborted(Promise.race(underWay), signal)
    }
    await unlessAborted(Promise.all(underWay), signal)
    requireSound()
    sent.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0))
    const completion = { ...upload, MultipartUpload: { Parts: sent } }
    await commit(client, marked, only =>
      client.send(new CompleteMultipartUploadCommand({ ...completion, ...only })),
    )
  } catch (error) {
    // Parts under way may end by themselves first: a store may still be writing one whose connection was cut.
    AbortSignal.timeout(patienceMs).addEventListener('abort', () => stop.abort())
    await Promise.all(underWay)
    await removeParts(client, upload)
    throw error
  }
}

/**
 * Sends the request that makes the object appear, provided that there is none of its key.
 * @throws what the store answered, unless the object is there and is this very one: only the answer was lost then, and
 * the second try met the first
 */
async function commit(
  client: S3Client,
  { Bucket, Key, Metadata }: Place & { Metadata: Record<string, string> },
  send: (only: { IfNoneMatch?: string }) => Promise<unknown>,
): Promise<void> {
  try {
    await send({ IfNoneMatch: '*' }).catch((error: unknown) => {
      // Some stores know no conditions. There, two runs of the same second are not kept apart.
      if (error instanceof Error && error.name === 'NotImplemented') return send({})
      throw error
    })
  } catch (error) {
    const found = await client.send(new HeadObjectCommand({ Bucket, Key })).catch(() => undefined)
    if (found?.Metadata?.[markName] !== Metadata[markName]) throw error
  }
}

/** Parts of a store that has fallen silent may take for ever; an upload that is given up does not wait for them. */
function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason as Error)
    if (signal.aborted) giveUp()
    signal.addEventListener('abort', giveUp)
    work.then(() => resolve(), reject).finally(() => signal.removeEventListener('abort', giveUp))
  })
}

/** Aborts an upload until the store knows nothing of it: a part that arrives late would stay, and be paid for. */
async function removeParts(
  client: S3Client,
  upload: { Bucket: string; Key: string; UploadId: string | undefined },
) {
  for (let tries = 5; tries > 0; tries--) {
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined)
    const known = await client.send(new ListPartsCommand(upload)).catch(() => undefined)
    if (!known) return
    await sleep(200)
  }
}

interface Piece {
  bytes: Buffer
  /** True for one that the stream's end cut short. */
  last: boolean
}

/**
 * Cuts a stream into pieces of one size, the last one smaller.
 * @param spare memory of pieces that are done with, to be used again: garbage of this size is collected late
 * @throws what the stream fails with
 */
async function* cut(body: Readable, bytes: number, spare: Buffer[]): AsyncGenerator<Piece> {
  const next = () => spare.pop() ?? Buffer.allocUnsafeSlow(bytes)
  let [piece, size] = [next(), 0]
  for await (const chunk of body as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length;) {
      const copied = chunk.copy(piece, size, at)
      at += copied
      size += copied
      if (size < bytes) continue
      yield { bytes: piece, last: false }
      ;[piece, size] = [next(), 0]
    }
  }
  if (size > 0) yield { bytes: piece.subarray(0, size), last: true }
}
