const LEVELS = { debug: 10, info: 20, warn: 30, error: 40, fatal: 50 }

/** @typedef {keyof typeof LEVELS} Level */
/** @typedef {Record<string, unknown>} Fields */
/** @typedef {Record<Level, (msg: string, fields?: Fields) => void>} Log */

/** Passwords shorter than this occur by chance inside ordinary words; replacing them would only garble the line. */
const SHORTEST_SECRET = 6

/**
 * One JSON object a line: time, level, msg, then the fields. Errors are written with their cause. Whatever field a
 * secret hides in, its text is replaced.
 * @param {{level: string, secrets?: string[], fields?: Fields, write: (line: string) => void, now?: () => Date}} options
 * @returns {Log}
 */
export function createLog({ level, secrets = [], fields = {}, write, now = () => new Date() }) {
  const threshold = LEVELS[/** @type {Level} */ (level)]
  const hidden = secrets
    .filter(secret => secret.length >= SHORTEST_SECRET)
    .map(secret => JSON.stringify(secret).slice(1, -1))
    .sort((a, b) => b.length - a.length)

  /** @param {Level} at */
  const writer =
    at =>
    (/** @type {string} */ msg, /** @type {Fields} */ more = {}) => {
      if (LEVELS[at] < threshold) return
      const entry = { time: now().toISOString(), level: at, msg, ...fields, ...more }
      const line = JSON.stringify(entry, (_key, value) => (value instanceof Error ? describe(value) : value))
      write(hidden.reduce((text, secret) => text.replaceAll(secret, '***'), line) + '\n')
    }
  return {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
    fatal: writer('fatal'),
  }
}

/**
 * @param {Error & {code?: unknown}} error
 * @returns {Fields}
 */
function describe(error) {
  return {
    name: error.name,
    message: error.message,
    ...(error.code === undefined ? {} : { code: error.code }),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  }
}
