const MILLISECONDS = new Map(Object.entries({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }))
const BYTES = new Map(Object.entries({ B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }))

/**
 * Reads `<number><unit>`; undefined when the text is anything else.
 * @param {string} text
 * @param {Map<string, number>} units
 * @returns {number | undefined}
 */
function parse(text, units) {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(text)
  const unit = match && units.get(String(match[2]))
  return match && unit ? Number(match[1]) * unit : undefined
}

/** Timers of Node fire at once when they are set to more than 2^31 ms: no duration of this service is near that. */
const LONGEST_MS = 24 * 3_600_000

/**
 * A duration such as `250ms`, `2s`, `5m`, `1h`, of a day at most, in milliseconds.
 * @param {string} text
 */
export function parseDuration(text) {
  const milliseconds = parse(text, MILLISECONDS)
  return milliseconds !== undefined && milliseconds <= LONGEST_MS ? milliseconds : undefined
}

/**
 * A size such as `512B`, `64KiB`, `10MiB`, `1GiB`, in bytes.
 * @param {string} text
 */
export const parseSize = text => parse(text, BYTES)
