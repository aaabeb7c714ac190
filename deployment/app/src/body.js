import { HttpError } from './errors.js'

/** No request of this API needs more. */
const LARGEST_BODY = 16 * 1024

/**
 * Reads a JSON body.
 * @param {import('node:http').IncomingMessage} request
 * @returns {Promise<unknown>}
 * @throws {HttpError} 415, 413 or 400
 */
export async function readJson(request) {
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new HttpError(415, 'unsupported-media-type', 'Send the body as application/json.')
  }
  const text = await readText(request)
  try {
    return JSON.parse(text)
  } catch {
    throw new HttpError(400, 'malformed-json', 'The body is not JSON.')
  }
}

/** @param {import('node:http').IncomingMessage} request */
async function readText(request) {
  const chunks = []
  let size = 0
  try {
    for await (const chunk of request) {
      size += chunk.length
      if (size > LARGEST_BODY) break
      chunks.push(chunk)
    }
  } catch {
    throw new HttpError(400, 'body-incomplete', 'The connection ended before the body did.')
  }
  if (size > LARGEST_BODY) {
    // The rest of the body is not read, so the connection cannot be used again.
    const headers = { connection: 'close' }
    throw new HttpError(413, 'body-too-large', `The body may have ${LARGEST_BODY} bytes at most.`, {
      headers,
    })
  }
  return Buffer.concat(chunks).toString('utf8')
}
