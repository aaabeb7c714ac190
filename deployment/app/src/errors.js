/** An answer to the caller that is not a success: becomes `{error: {code, message}}` with this status. */
export class HttpError extends Error {
  /**
   * @param {number} status
   * @param {string} code stable, kebab-case
   * @param {string} message for the caller: nothing of the inside
   * @param {{headers?: Record<string, string>, details?: string[], cause?: unknown}} [more]
   */
  constructor(status, code, message, { headers = {}, details, cause } = {}) {
    super(message, { cause })
    this.name = 'HttpError'
    this.status = status
    this.code = code
    this.headers = headers
    this.details = details
  }
}

/** The database did not take the query at all: it is away, it refuses us, or it does not answer in time. */
export class DatabaseUnavailable extends HttpError {
  /** @param {unknown} cause */
  constructor(cause) {
    super(503, 'database-unavailable', 'The database cannot be reached. Try again shortly.', {
      headers: { 'retry-after': '2' },
      cause,
    })
    this.name = 'DatabaseUnavailable'
  }
}

/**
 * What went wrong, as a code that is safe to show to every client: messages of drivers can name users and hosts.
 * @param {unknown} error
 * @returns {string}
 */
export function publicReason(error) {
  const { code, cause } = /** @type {{code?: unknown, cause?: unknown}} */ (error ?? {})
  if (error instanceof HttpError && cause !== undefined) return publicReason(cause)
  return typeof code === 'string' ? code : 'no-answer'
}
