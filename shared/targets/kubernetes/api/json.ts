import { parseExactJson } from '../../../host/json.ts'

/*
 * JSON as the Kubernetes API speaks it: integers have 64 bits, of which a JavaScript number holds 53. Larger ones are read
 * as `bigint` and written as they were.
 */

/** What the language has and its type declarations do not yet. */
const exact = JSON as unknown as { rawJSON(text: string): unknown }

/** Fewer digits never make an integer that a number cannot hold. */
const longNumber = /\d{16}/

/** The value of a JSON text. Integers that a number does not hold exactly are `bigint`. @throws SyntaxError */
export function parseJson(text: string): unknown {
  return longNumber.test(text) ? parseExactJson(text) : JSON.parse(text)
}

/** A value as JSON text, with `bigint` as the integer that it is. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'bigint' ? exact.rawJSON(String(each)) : each,
  )
}
