import { connect, isIP, type Socket } from 'node:net'
import { faultOf } from './http-fault.ts'
import { ResponseFramer, type Framed } from './response-framer.ts'
import { FramingError } from './response-head.ts'

/** What a lane asks for, again and again. */
export interface LaneOptions {
  url: URL
  /** Names and values that `http.validateHeaderValue` takes. */
  headers: Record<string, string>
  /** Milliseconds for one answer, its connection included. */
  timeoutMs: number
  /** Of a body, as it comes over the wire: nothing is unpacked. */
  maxBytes: number
}

const bufferBytes = 16 * 1024

/** Told of an answer's status, or of why there was none: `connection refused`. */
export type Answered = (status: number, fault: string | undefined) => void

/**
 * One connection that sends the same GET again, the next one when the answer to the last is there, and makes itself
 * anew when the other side ends it. Nothing of an answer is kept but its status, and nothing follows a redirect.
 */
export class Lane {
  readonly #options: LaneOptions
  readonly #bytes: Buffer
  readonly #framer: ResponseFramer
  /** What comes in, again and again: the chunks of a stream would cost a fifth of the processor's time. */
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  readonly #timer: NodeJS.Timeout
  #socket: Socket | undefined
  #asked: Answered | undefined
  /** The request went out on a connection that had carried others. */
  #reused = false
  /** Connections that were made. */
  connections = 0

  constructor(options: LaneOptions) {
    this.#options = options
    this.#bytes = requestBytes(options)
    this.#framer = new ResponseFramer(options.maxBytes)
    this.#timer = setTimeout(() => this.#onTimeout(), options.timeoutMs)
    this.#timer.unref()
  }

  /** Sends the request. Only one is under way at a time. */
  ask(answered: Answered): void {
    this.#asked = answered
    this.#timer.refresh()
    this.#reused = this.#socket !== undefined
    if (this.#socket) this.#socket.write(this.#bytes)
    else void this.#connect()
  }

  /** Ends the connection; what is under way is never answered. */
  close(): void {
    clearTimeout(this.#timer)
    this.#asked = undefined
    this.#drop()
  }

  async #connect(): Promise<void> {
    const socket = await openSocket(this.#options.url, this.#buffer, bytes => {
      if (this.#socket === socket) this.#onBytes(bytes)
    })
    // It may have been closed, or have run out of time, while the module was loaded.
    if (!this.#asked || this.#socket) {
      socket.destroy()
      return
    }
    this.#socket = socket
    this.connections += 1
    const mine = () => this.#socket === socket
    socket.once(this.#options.url.protocol === 'https:' ? 'secureConnect' : 'connect', () =>
      socket.write(this.#bytes),
    )
    socket.on('end', () => mine() && this.#onEnd())
    socket.on('error', error => mine() && this.#onError(error))
    socket.on('close', () => mine() && this.#onEnd())
  }

  #onBytes(bytes: Buffer): void {
    // There was no request: it is no answer, and the connection is of no use.
    if (!this.#asked) {
      this.#drop()
      return
    }
    try {
      const framed = this.#framer.read(bytes)
      if (framed) this.#answer(framed)
    } catch (error) {
      if (!(error instanceof FramingError)) throw error
      this.#fail(error.message)
    }
  }

  #onEnd(): void {
    const framed = this.#framer.end()
    if (framed) this.#answer(framed)
    else this.#onError(Object.assign(new Error('ended'), { code: 'ECONNRESET' }))
  }

  #onError(error: Error): void {
    const fault = faultOf(error, 'GET', this.#options.url)
    // An idle connection may be ended just when it is used again: that is no fault, and the request was never looked at.
    if (this.#asked && this.#reused && fault.kind === 'reset' && !this.#framer.underWay) {
      this.#drop()
      this.#reused = false
      void this.#connect()
    } else this.#fail(fault.finding)
  }

  #onTimeout(): void {
    if (this.#asked) this.#fail(`no whole answer within ${Math.ceil(this.#options.timeoutMs)} ms`)
  }

  #answer({ status, keepAlive }: Framed): void {
    const asked = this.#asked
    this.#asked = undefined
    if (!asked || !keepAlive) this.#drop()
    asked?.(status, undefined)
  }

  #fail(finding: string): void {
    const asked = this.#asked
    this.#asked = undefined
    this.#drop()
    asked?.(0, finding)
  }

  #drop(): void {
    const socket = this.#socket
    this.#socket = undefined
    this.#framer.reset()
    socket?.destroy()
  }
}

function requestBytes({ url, headers }: LaneOptions): Buffer {
  const fields = { host: url.host, 'user-agent': 'runbook-actions', 'accept-encoding': 'identity' }
  const given = Object.entries(headers).map(([name, value]): [string, string] => [name.toLowerCase(), value])
  const lines = Object.entries({ ...fields, ...Object.fromEntries(given) }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return Buffer.from(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
}

/** @param take is handed what comes in; the bytes are its own only until it returns */
async function openSocket(url: URL, buffer: Buffer, take: (bytes: Buffer) => void): Promise<Socket> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (url.protocol !== 'https:') {
    const callback = (count: number) => {
      take(buffer.subarray(0, count))
      return true
    }
    return connect({ host, port: Number(url.port || 80), noDelay: true, onread: { buffer, callback } })
  }
  const tls = await import('node:tls')
  const name = isIP(host) === 0 ? { servername: host } : {}
  const socket = tls.connect({ host, port: Number(url.port || 443), ...name, ALPNProtocols: ['http/1.1'] })
  return socket.setNoDelay(true).on('data', take)
}
