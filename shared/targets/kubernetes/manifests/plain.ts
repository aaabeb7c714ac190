/** A manifest that nests deeper does so by mistake, or to do harm. */
const mostLevels = 100

/** What a value holds that JSON, which the API speaks, has not. */
export interface NotPlain {
  path: (string | number)[]
  /** `is binary` */
  what: string
}

/** A copy without shared parts, or what is in the way. Integers that a number does not hold exactly stay `bigint`. */
export function plainCopy(value: unknown, path: (string | number)[] = []): { copy: unknown } | NotPlain {
  if (path.length > mostLevels) return { path, what: `is nested more than ${mostLevels} levels deep` }
  const odd = oddity(value)
  if (odd !== undefined) return { path, what: odd }
  if (typeof value === 'bigint') {
    const number = Number(value)
    return { copy: Number.isSafeInteger(number) ? number : value }
  }
  if (typeof value !== 'object' || value === null) return { copy: value }
  const keys: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value)
  const copies: [string | number, unknown][] = []
  for (const [key, each] of keys) {
    const made = plainCopy(each, [...path, key])
    if (!('copy' in made)) return made
    copies.push([key, made.copy])
  }
  return { copy: Array.isArray(value) ? copies.map(([, each]) => each) : Object.fromEntries(copies) }
}

function oddity(value: unknown): string | undefined {
  if (value instanceof Uint8Array) return 'is binary (!!binary)'
  if (value instanceof Set) return 'is a set (!!set)'
  if (value instanceof Map) return 'is an ordered map (!!omap)'
  if (value instanceof Date) return 'is a time (!!timestamp)'
  if (typeof value === 'number' && !Number.isFinite(value)) return 'is no finite number'
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value)
    return `is ${value}, an integer of more than 64 bits`
  return undefined
}
