import { HttpError } from './errors.js'

const LARGEST_PAGE = 100
const USUAL_PAGE = 20

/**
 * A new user, as a caller may send it.
 * @param {unknown} body
 * @returns {{email: string, name: string}}
 * @throws {HttpError} 400 with every problem
 */
export function newUser(body) {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid(['the body must be an object'])
  const { email, name, ...others } = /** @type {Record<string, unknown>} */ (body)
  const problems = Object.keys(others).map(
    field => `${JSON.stringify(field.slice(0, 40))} is not a field of a user`,
  )
  if (typeof email !== 'string' || email.length > 254 || !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email)) {
    problems.push('email must be an email address of 254 characters at most')
  }
  if (typeof name !== 'string' || name.trim() === '' || name.length > 100 || /\p{Cc}/u.test(name)) {
    problems.push('name must have 1 to 100 characters, on one line')
  }
  if (problems.length > 0) throw invalid(problems)
  return { email: String(email), name: String(name).trim() }
}

/**
 * `?after=<id>&limit=<n>`.
 * @param {URLSearchParams} query
 * @returns {{after: number, limit: number}}
 */
export function page(query) {
  const after = wholeNumber(query.get('after') ?? '0')
  const limit = wholeNumber(query.get('limit') ?? String(USUAL_PAGE))
  const problems = []
  if (after === undefined) problems.push('after must be the id of a user')
  if (limit === undefined || limit < 1 || limit > LARGEST_PAGE)
    problems.push(`limit must be from 1 to ${LARGEST_PAGE}`)
  if (problems.length > 0) throw invalid(problems)
  return { after: after ?? 0, limit: limit ?? USUAL_PAGE }
}

/** @param {string} text @returns {number} */
export function userId(text) {
  const id = wholeNumber(text)
  if (id === undefined || id === 0) throw invalid(['the id of a user is a positive whole number'])
  return id
}

/** @param {string} text @returns {number | undefined} */
function wholeNumber(text) {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : NaN
  return Number.isSafeInteger(number) ? number : undefined
}

/** @param {string[]} details */
function invalid(details) {
  return new HttpError(400, 'invalid-request', 'The request cannot be used as it is.', { details })
}
