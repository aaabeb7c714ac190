import { randomBytes } from 'node:crypto'
import { connect, isIP } from 'node:net'

/** What a TLS server chose out of an offer. */
export interface ServerChoice {
  /** As on the wire: 0x0301 is TLS 1.0. */
  version: number
  /** Number of the suite in IANA's registry of TLS cipher suites. */
  cipher: number
  /** It would compress (CRIME). */
  compresses: boolean
}

/** What is offered: OpenSSL, as it comes with Node.js, cannot even say what is too old or too weak. */
export interface Offer {
  version: number
  ciphers: number[]
}

/** A hello of a server and its certificates have some KB. */
const mostAnswerBytes = 64 * 1024

/**
 * Says hello and looks at the answer; no handshake is completed. For TLS 1.2 and older (RFC 5246, RFC 6101).
 * @param url whose host and port are asked
 * @returns undefined when the server takes nothing of the offer; `unasked` when there was no connection to ask over
 */
export function offer(
  url: URL,
  offered: Offer,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<ServerChoice | undefined | 'unasked'> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: url.port === '' ? 443 : Number(url.port) })
    let received = Buffer.alloc(0)
    let answer: undefined | 'unasked' = 'unasked'
    const end = (act: () => void) => {
      signal.removeEventListener('abort', onAbort)
      clearTimeout(timer)
      socket.destroy()
      act()
    }
    const refused = () => end(() => resolve(answer))
    const onAbort = () => end(() => reject(signal.reason as Error))
    const timer = setTimeout(refused, timeoutMs)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.on('connect', () => {
      answer = undefined
      socket.write(hello(host, offered))
    })
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk])
      if (received.length > mostAnswerBytes) {
        refused()
        return
      }
      const choice = readAnswer(received, offered)
      if (choice !== 'incomplete') end(() => resolve(choice))
    })
    socket.on('error', refused)
    socket.on('close', refused)
  })
}

function hello(host: string, { version, ciphers }: Offer): Buffer {
  // TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746): some servers refuse those who cannot renegotiate securely.
  const suites = [...ciphers, 0x00ff]
  const body = Buffer.concat([
    short(version),
    randomBytes(32),
    Buffer.from([0]),
    sized(2, Buffer.concat(suites.map(short))),
    // DEFLATE and null, in this order.
    sized(1, Buffer.from([1, 0])),
    // SSL 3.0 knows no extensions.
    ...(version > 0x0300 ? [sized(2, extensions(host))] : []),
  ])
  const handshake = Buffer.concat([Buffer.from([1]), sized(3, body)])
  return Buffer.concat([Buffer.from([22]), short(version === 0x0300 ? 0x0300 : 0x0301), sized(2, handshake)])
}

function extensions(host: string): Buffer {
  const extension = (type: number, data: Buffer) => Buffer.concat([short(type), sized(2, data)])
  const name = Buffer.concat([Buffer.from([0]), sized(2, Buffer.from(host, 'ascii'))])
  // x25519, secp256r1, secp384r1, secp521r1
  const groups = [0x001d, 0x0017, 0x0018, 0x0019]
  // RSA-PSS, ECDSA and RSA PKCS#1 with SHA-256 to SHA-512; then the SHA-1 that old servers sign with.
  const signatures = [0x0804, 0x0805, 0x0806, 0x0403, 0x0503, 0x0603, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201]
  return Buffer.concat([
    ...(isIP(host) ? [] : [extension(0, sized(2, name))]),
    extension(10, sized(2, Buffer.concat(groups.map(short)))),
    extension(11, sized(1, Buffer.from([0]))),
    extension(13, sized(2, Buffer.concat(signatures.map(short)))),
  ])
}

/** A ServerHello is in the first record, or there is none. */
function readAnswer(received: Buffer, { version }: Offer): ServerChoice | undefined | 'incomplete' {
  if (received.length < 5) return 'incomplete'
  if (received[0] !== 22) return undefined
  if (received.length < 44) return 'incomplete'
  const session = received[43] ?? 0
  if (received.length < 47 + session) return 'incomplete'
  const choice = {
    version: received.readUInt16BE(9),
    cipher: received.readUInt16BE(44 + session),
    compresses: received[46 + session] !== 0,
  }
  return received[5] === 2 && choice.version === version ? choice : undefined
}

function short(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff])
}

/** A vector of TLS: its length in so many bytes, then itself. */
function sized(bytes: number, content: Buffer): Buffer {
  const length = Buffer.alloc(bytes)
  length.writeUIntBE(content.length, 0, bytes)
  return Buffer.concat([length, content])
}
