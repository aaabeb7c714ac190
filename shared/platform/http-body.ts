import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'

/** A body as far as it was read. */
export interface Body {
  body: string
  truncated: boolean
}

/**
 * Reads a body up to `maxBytes` and ends the connection when more comes: an endless or huge answer costs no more, and
 * a small one that unpacks to a huge one neither.
 * @throws the stream's error, or one with the code ECONNRESET when the answer ended early
 */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<Body> {
  const stream = await decoded(response)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk.subarray(0, maxBytes - bytes))
    bytes += chunk.length
    if (bytes > maxBytes) {
      response.destroy()
      return { body: text(chunks), truncated: true }
    }
  }
  return { body: text(chunks), truncated: false }
}

function text(chunks: Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8')
}

async function decoded(response: IncomingMessage): Promise<Readable> {
  const encoding = response.headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (encoding === 'identity' || encoding === '') return response
  const { createBrotliDecompress, createUnzip, createZstdDecompress } = await import('node:zlib')
  const { pipeline } = await import('node:stream')
  const decoders: Record<string, () => NodeJS.ReadWriteStream> = {
    gzip: createUnzip,
    'x-gzip': createUnzip,
    deflate: createUnzip,
    br: createBrotliDecompress,
    zstd: createZstdDecompress,
  }
  const decoder = decoders[encoding]
  // An encoding that nobody asked for and nobody knows: the bytes as they are.
  if (!decoder) return response
  // Errors of either end come out of the one that is read.
  return pipeline(response, decoder(), () => undefined) as unknown as Readable
}
