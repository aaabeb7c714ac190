/** What came is no answer to what was asked; the message says why, without any of its bytes. */
export class FramingError extends Error {}

/** What the head of an answer to a GET says of its end. */
export interface ResponseHead {
  status: number
  /** The connection may carry another request. */
  keepAlive: boolean
  /** Bytes of the body, when that many are announced; until the end of the connection otherwise. */
  body: number | 'chunked' | 'close'
}

/**
 * Reads the head of an answer (RFC 9112, sections 4 and 6).
 * @param text with the end of its last line, without the blank line
 * @throws FramingError when it is not HTTP/1, or its end can be told in two ways
 */
export function readHead(text: string): ResponseHead {
  const [, minor, code] = /^HTTP\/1\.([01]) ([1-5]\d\d)[ \r]/.exec(text) ?? []
  if (code === undefined) throw new FramingError('not an HTTP answer')
  const status = Number(code)
  const { length, coding, connection } = readFields(text)
  const says = (word: string) => new RegExp(`(^|[\\s,])${word}($|[\\s,])`, 'i').test(connection)
  const keepAlive = minor === '1' ? !says('close') : says('keep-alive')
  if (status < 200 || status === 204 || status === 304) return { status, keepAlive, body: 0 }
  if (coding !== undefined) {
    // Both a length and chunks: how requests are smuggled through proxies.
    if (length !== undefined || !/^chunked$/i.test(coding) || minor === '0')
      throw new FramingError('its end cannot be told from its headers')
    return { status, keepAlive, body: 'chunked' }
  }
  if (length === undefined) return { status, keepAlive: false, body: 'close' }
  return { status, keepAlive, body: length }
}

interface Fields {
  /** Bytes; undefined when there is no content-length. */
  length: number | undefined
  /** The transfer-encoding; undefined when there is none. */
  coding: string | undefined
  connection: string
}

const field = /^(content-length|transfer-encoding|connection):(.*)$/gim

/** @param head with the end of its last line */
function readFields(head: string): Fields {
  const fields: Fields = { length: undefined, coding: undefined, connection: '' }
  // Space before a name continues the line before it, which no server has done for decades.
  if (/\n[ \t]/.test(head)) throw new FramingError('a header over several lines')
  for (const [, name = '', said = ''] of head.matchAll(field)) {
    const value = said.trim()
    switch (name.toLowerCase()) {
      case 'content-length': {
        const length = /^\d{1,15}$/.test(value) ? Number(value) : NaN
        if (Number.isNaN(length) || (fields.length ?? length) !== length)
          throw new FramingError('its end cannot be told from its headers')
        fields.length = length
        break
      }
      case 'transfer-encoding':
        fields.coding = fields.coding === undefined ? value : `${fields.coding}, ${value}`
        break
      default:
        fields.connection += `,${value}`
    }
  }
  return fields
}
