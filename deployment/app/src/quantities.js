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

/**
 * A duration such as `250ms`, `2s`, `5m`, `1h`, in milliseconds.
 * @param {string} text
 */
export const parseDuration = text => parse(text, MILLISECONDS)

/**
 * A size such as `512B`, `64KiB`, `10MiB`, `1GiB`, in bytes.
 * @param {string} text
 */
export const parseSize = text => parse(text, BYTES)
