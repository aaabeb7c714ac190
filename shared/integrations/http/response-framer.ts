import { FramingError, readHead, type ResponseHead } from './response-head.ts'

/** Where an answer ends, and what else has to be known of it to use its connection again. */
export interface Framed {
  status: number
  /** The connection may carry another request. */
  keepAlive: boolean
}

/** As node:http bounds them. */
const maxHeadBytes = 16 * 1024
/** Interim answers before the one that counts: 100, 102 and 103 come once or twice. */
const maxInterim = 16
/** The longest line before a chunk: its size in hexadecimal digits, and extensions that are not used in practice. */
const maxChunkLine = 1024

const blankLine = Buffer.from('\r\n\r\n')
const lineEnd = Buffer.from('\r\n')

type Reading = 'head' | 'length' | 'close' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer'

/**
 * Finds the end of each answer to a GET on one connection (RFC 9112, sections 2, 6 and 7), and keeps nothing of its
 * body. It is stricter than browsers are: what can be read in two ways is refused.
 *
 * For a load: undici's dispatcher takes as much of the processor's time for a request as autocannon, and this a quarter
 * less, with which the two are told apart (script/bench load). Single requests go through node:http.
 */
export class ResponseFramer {
  readonly #maxBodyBytes: number
  #reading: Reading = 'head'
  /** Of the head or of a line, as long as it is not whole. */
  #rest: Buffer | undefined
  /** Bytes of the body or of the chunk that are still to come. */
  #left = 0
  #bodyBytes = 0
  #interim = 0
  #last: { text: string; head: ResponseHead } | undefined
  #status = 0
  #keepAlive = false

  /** @param maxBodyBytes a longer body is an error */
  constructor(maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes
  }

  /** Something of an answer has been read, and not all of it. */
  get underWay(): boolean {
    return this.#reading !== 'head' || this.#rest !== undefined || this.#interim > 0
  }

  /**
   * Reads what came in.
   * @returns the answer that ends with these bytes; undefined when there is more to come
   * @throws FramingError when it is not HTTP/1, too long, or goes on after its end
   */
  read(bytes: Buffer): Framed | undefined {
    let at = 0
    while (at < bytes.length) {
      at = this.#step(bytes, at)
      if (this.#reading === 'head' && this.#status > 0) {
        if (at < bytes.length) throw new FramingError('more came than the answer')
        return this.#finish()
      }
    }
    return undefined
  }

  /**
   * The other side has ended the connection.
   * @returns the answer, when it is one that ends so
   */
  end(): Framed | undefined {
    return this.#reading === 'close' ? this.#finish() : undefined
  }

  /** Forgets an answer that was begun: another connection is read. */
  reset(): void {
    this.#reading = 'head'
    this.#rest = undefined
    this.#status = this.#bodyBytes = this.#interim = 0
  }

  #finish(): Framed {
    const framed = { status: this.#status, keepAlive: this.#keepAlive }
    this.reset()
    return framed
  }

  /** Reads one part, and says where the next begins. */
  #step(bytes: Buffer, at: number): number {
    switch (this.#reading) {
      case 'head':
        return this.#head(bytes, at)
      case 'length':
      case 'chunk':
        return this.#counted(bytes, at)
      case 'close':
        this.#count(bytes.length - at)
        return bytes.length
      case 'chunk-size':
        return this.#line(bytes, at, maxChunkLine, line => this.#chunkSize(line))
      case 'chunk-end':
        return this.#line(bytes, at, 0, () => (this.#reading = 'chunk-size'))
      case 'trailer':
        return this.#line(bytes, at, maxHeadBytes, line => {
          this.#left += line.length + 2
          if (this.#left > maxHeadBytes) throw new FramingError(`trailers of more than ${maxHeadBytes} bytes`)
          if (line === '') this.#reading = 'head'
        })
    }
  }

  #head(bytes: Buffer, at: number): number {
    const known = this.#rest
    const all = known ? Buffer.concat([known, at === 0 ? bytes : bytes.subarray(at)]) : bytes
    const from = known ? 0 : at
    // The blank line may lie across what was known and what came.
    const end = all.indexOf(blankLine, known ? Math.max(0, known.length - 3) : at)
    if ((end < 0 ? all.length : end) - from > maxHeadBytes)
      throw new FramingError(`a head of more than ${maxHeadBytes} bytes`)
    if (end < 0) {
      // A copy: the caller may use its buffer again.
      this.#rest = known ? all : Buffer.from(all.subarray(from))
      const start = this.#rest.toString('latin1', 0, 5)
      if (!'HTTP/'.startsWith(start)) throw new FramingError('not an HTTP answer')
      return bytes.length
    }
    this.#rest = undefined
    this.#begin(all.toString('latin1', from, end + 2))
    return end + 4 - (known ? known.length - at : 0)
  }

  #begin(text: string): void {
    // Most answers to one question have the same head, but for the second in which they were made.
    const head = this.#last?.text === text ? this.#last.head : readHead(text)
    this.#last = { text, head }
    if (head.status < 200) {
      this.#interim += 1
      if (head.status === 101 || this.#interim > maxInterim)
        throw new FramingError(`${head.status} instead of an answer`)
      return
    }
    this.#status = head.status
    this.#keepAlive = head.keepAlive
    if (typeof head.body === 'string') {
      this.#reading = head.body === 'chunked' ? 'chunk-size' : 'close'
    } else if (head.body > 0) {
      if (head.body > this.#maxBodyBytes) this.#tooLong()
      this.#left = head.body
      this.#reading = 'length'
    }
  }

  #counted(bytes: Buffer, at: number): number {
    const taken = Math.min(this.#left, bytes.length - at)
    this.#count(taken)
    this.#left -= taken
    if (this.#left === 0) this.#reading = this.#reading === 'length' ? 'head' : 'chunk-end'
    return at + taken
  }

  #count(bytes: number): void {
    this.#bodyBytes += bytes
    if (this.#bodyBytes > this.#maxBodyBytes) this.#tooLong()
  }

  #tooLong(): never {
    throw new FramingError(`a body of more than ${this.#maxBodyBytes} bytes`)
  }

  #chunkSize(line: string): void {
    const [, digits] = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(line) ?? []
    if (digits === undefined) throw new FramingError('a chunk without its size')
    const size = parseInt(digits, 16)
    this.#left = size
    this.#reading = size === 0 ? 'trailer' : 'chunk'
  }

  /** Reads a line and hands it on without its end, when it is whole. */
  #line(bytes: Buffer, at: number, most: number, take: (line: string) => void): number {
    const known = this.#rest
    const all = known ? Buffer.concat([known, bytes.subarray(at)]) : bytes
    const from = known ? 0 : at
    const end = all.indexOf(lineEnd, from)
    if ((end < 0 ? all.length - 1 : end) - from > most) throw new FramingError('a line that is too long')
    if (end < 0) {
      this.#rest = known ? all : Buffer.from(all.subarray(from))
      return bytes.length
    }
    this.#rest = undefined
    take(all.toString('latin1', from, end))
    return end + 2 - (known ? known.length - at : 0)
  }
}
