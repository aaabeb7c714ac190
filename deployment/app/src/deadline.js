/**
 * The promise's result, or a rejection with code `ETIMEDOUT` after so many milliseconds. What the promise does later
 * is of no interest, so a late rejection is swallowed.
 * @template T
 * @param {Promise<T>} promise
 * @param {number} milliseconds
 * @param {string} what names the wait in the error
 * @returns {Promise<T>}
 */
export async function withDeadline(promise, milliseconds, what) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const late = new Promise((_resolve, reject) => {
    const error = Object.assign(new Error(`${what}: no answer within ${milliseconds} ms`), {
      code: 'ETIMEDOUT',
    })
    timer = setTimeout(() => reject(error), milliseconds)
  })
  promise.catch(() => {})
  try {
    return await Promise.race([promise, /** @type {Promise<never>} */ (late)])
  } finally {
    clearTimeout(timer)
  }
}
