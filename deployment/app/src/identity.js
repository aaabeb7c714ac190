import { createHmac, timingSafeEqual } from 'node:crypto'

import { HttpError } from './errors.js'

const HEADER = encode({ alg: 'HS256', typ: 'JWT' })
/** Seconds a token is valid. */
const LIFETIME = 3_600

/**
 * A JSON Web Token (RFC 7519, HS256) that says who the caller is.
 * @param {number} userId
 * @param {string} secret
 * @param {number} [now] seconds since 1970
 */
export function issueToken(userId, secret, now = Date.now() / 1000) {
  const issued = Math.floor(now)
  const claims = encode({ sub: String(userId), iat: issued, exp: issued + LIFETIME })
  return `${HEADER}.${claims}.${sign(`${HEADER}.${claims}`, secret)}`
}

/**
 * The id of the user who calls, from `Authorization: Bearer <token>`.
 * @param {string | undefined} authorization
 * @param {string} secret
 * @param {number} [now] seconds since 1970
 * @throws {HttpError} 401 without a token of ours that is still valid
 */
export function callerId(authorization, secret, now = Date.now() / 1000) {
  const [header, claims = '', signature = ''] =
    /^Bearer ([\w.-]+)$/.exec(authorization ?? '')?.[1]?.split('.') ?? []
  const expected = Buffer.from(sign(`${HEADER}.${claims}`, secret))
  const given = Buffer.from(signature)
  // One header only is ever accepted, so that no token can choose how it is checked.
  const genuine = header === HEADER && given.length === expected.length && timingSafeEqual(given, expected)
  const { sub, exp } = genuine ? JSON.parse(Buffer.from(claims, 'base64url').toString()) : { sub: '', exp: 0 }
  if (exp <= now) {
    throw new HttpError(401, 'unauthorized', 'This needs a valid token: Authorization: Bearer <token>.', {
      headers: { 'www-authenticate': 'Bearer' },
    })
  }
  return Number(sub)
}

/** @param {object} value */
function encode(value) {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** @param {string} text @param {string} secret */
function sign(text, secret) {
  return createHmac('sha256', secret).update(text).digest('base64url')
}
