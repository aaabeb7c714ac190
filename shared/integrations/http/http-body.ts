import type { IncomingMessage } from 'node:http'
// Not by import(): `node:stream` exports a function, of which the bundler's namespace has none of the names.
import { pipeline, type Readable } from 'node:stream'

/** A body as far as it was read. */
export interface Body {
  body: string
  truncated: boolean
  /** The same before it is read as UTF-8. */
  bytes: Buffer
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
      return { ...text(chunks), truncated: true }
    }
  }
  return { ...text(chunks), truncated: false }
}

function text(chunks: Buffer[]): { body: string; bytes: Buffer } {
  const bytes = Buffer.concat(chunks)
  return { body: bytes.toString('utf8'), bytes }
}

/** There is no good reason to pack twice; each layer multiplies what a bomb unpacks to. */
const mostLayers = 2

async function decoded(response: IncomingMessage): Promise<Readable> {
  const encodings = (response.headers['content-encoding'] ?? '')
    .split(',')
    .map(name => name.trim().toLowerCase())
    .filter(name => name !== '' && name !== 'identity')
  if (encodings.length === 0) return response
  const decoders = await loadDecoders()
  const layers = encodings.toReversed().map(name => decoders.get(name))
  // An encoding that was not asked for and is not known: the bytes as they are.
  if (layers.length > mostLayers || layers.includes(undefined)) return response
  const streams = layers.filter(layer => layer !== undefined).map(layer => layer())
  // Errors of either end come out of the one that is read.
  return pipeline([response, ...streams], () => undefined) as unknown as Readable
}

async function loadDecoders(): Promise<Map<string, () => NodeJS.ReadWriteStream>> {
  const { constants, createBrotliDecompress, createUnzip, createZstdDecompress } = await import('node:zlib')
  // A frame says how much memory unpacking it takes; RFC 9659 allows 8 MiB, zstd itself would give 128 MiB.
  const params = { [constants.ZSTD_d_windowLogMax]: 23 }
  return new Map<string, () => NodeJS.ReadWriteStream>([
    ['gzip', () => createUnzip()],
    ['x-gzip', () => createUnzip()],
    ['deflate', () => createUnzip()],
    ['br', () => createBrotliDecompress()],
    ['zstd', () => createZstdDecompress({ params })],
  ])
}
