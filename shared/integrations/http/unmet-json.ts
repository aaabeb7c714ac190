import { quote } from '../../outcome/errors.ts'
import { showJson, valueAt } from '../../host/json.ts'

type Scalar = string | number | boolean | null

/** What a value of a JSON document has to be; all that is given has to hold. */
interface Matchers {
  equals?: Scalar | undefined
  /** Digits of an integer of any size. */
  integer?: string | undefined
  /** A regular expression of JavaScript. */
  matches?: string | undefined
  above?: number | undefined
  below?: number | undefined
  type?: 'string' | 'number' | 'boolean' | 'object' | 'array' | 'null' | undefined
  exists?: boolean | undefined
}

/** Everything in which a JSON document, read by `parseExactJson`, is not what is expected, one line each, by path as `valueAt` reads it. */
export function unmetJson(document: unknown, expected: Record<string, Scalar | Matchers>): string[] {
  return Object.entries(expected).flatMap(([path, wanted]) => {
    const matchers = typeof wanted === 'object' && wanted !== null ? wanted : { equals: wanted }
    const why = mismatch(matchers, valueAt(document, path))
    return why === undefined ? [] : [`${path} ${why}`]
  })
}

function mismatch(matchers: Matchers, value: unknown): string | undefined {
  const { equals, integer, matches, above, below, type, exists } = matchers
  const is = `is ${value === undefined ? 'missing' : quote(show(value))}, expected`
  if (exists === false) return value === undefined ? undefined : `${is} nothing`
  if (equals !== undefined && value !== equals) return `${is} ${JSON.stringify(equals)}`
  if (value === undefined) return 'is missing'
  if (integer !== undefined && !(isNumber(value) && String(value) === String(BigInt(integer))))
    return `${is} the number ${integer}`
  if (type !== undefined && typeOf(value) !== type) return `${is} a ${type}`
  if (matches !== undefined && !(typeof value === 'string' && new RegExp(matches).test(value)))
    return `${is} /${matches}/`
  if (above !== undefined && !(isNumber(value) && value > above)) return `${is} more than ${above}`
  if (below !== undefined && !(isNumber(value) && value < below)) return `${is} less than ${below}`
  return undefined
}

/** Integers that a `number` would round are a `bigint`. */
function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function typeOf(value: unknown): string {
  if (typeof value === 'bigint') return 'number'
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : showJson(value)
}
