import { quote } from '../outcome/errors.ts'
import type { HttpAnswer } from '../platform/http.ts'
import { parseExactJson, showJson, valueAt } from '../platform/json.ts'
import type { Matcher, Scalar } from './schema.ts'
import type { Expectation } from './suite.ts'

/** Everything in which an answer is not what it has to be, one line each; empty when it is. */
export function unmet(expect: Expectation, answer: HttpAnswer): string[] {
  const { statuses, latencyMs, headers = {}, json = {}, body } = expect
  const found: string[] = []
  if (!statuses.includes(answer.status)) found.push(`${answer.status}, expected ${statuses.join(' or ')}`)
  if (latencyMs !== undefined && answer.timings.total > latencyMs)
    found.push(`took ${Math.round(answer.timings.total)} ms, expected at most ${latencyMs} ms`)
  for (const [name, pattern] of Object.entries(headers)) {
    const value = answer.headers[name.toLowerCase()]
    if (value === undefined) found.push(`header ${name} is missing`)
    else if (!new RegExp(pattern).test(value))
      found.push(`header ${name} is ${quote(value)}, expected /${pattern}/`)
  }
  if (body !== undefined && !new RegExp(body).test(answer.body))
    found.push(`the body has no /${body}/${answer.truncated ? ' in its first part' : ''}`)
  return [...found, ...unmetJson(json, answer)]
}

function unmetJson(expected: NonNullable<Expectation['json']>, answer: HttpAnswer): string[] {
  const paths = Object.entries(expected)
  if (paths.length === 0) return []
  const document = parseJson(answer)
  if (!document) return [`the body is ${answer.truncated ? 'too long' : 'not JSON'}`]
  return paths.flatMap(([path, matcher]) => {
    const why = mismatch(isMatcher(matcher) ? matcher : { equals: matcher }, valueAt(document.json, path))
    return why === undefined ? [] : [`${path} ${why}`]
  })
}

/** The body as JSON, in an object so that a body of `null` is one too. */
export function parseJson({ body, truncated }: HttpAnswer): { json: unknown } | undefined {
  if (truncated) return undefined
  try {
    return { json: parseExactJson(body) }
  } catch {
    return undefined
  }
}

function mismatch(matcher: Matcher, value: unknown): string | undefined {
  const { equals, integer, matches, above, below, type, exists } = matcher
  const is = `is ${value === undefined ? 'missing' : quote(show(value))}, expected`
  if (exists === false) return value === undefined ? undefined : `${is} nothing`
  if (value === undefined) return 'is missing'
  if (equals !== undefined && value !== equals) return `${is} ${quote(show(equals))}`
  if (integer !== undefined && !(isNumber(value) && String(value) === String(BigInt(integer))))
    return `${is} the number ${integer}`
  if (type !== undefined && typeOf(value) !== type) return `${is} a ${type}`
  if (matches !== undefined && !(typeof value === 'string' && new RegExp(matches).test(value)))
    return `${is} /${matches}/`
  if (above !== undefined && !(isNumber(value) && value > above)) return `${is} more than ${above}`
  if (below !== undefined && !(isNumber(value) && value < below)) return `${is} less than ${below}`
  return undefined
}

function isMatcher(expected: Scalar | Matcher): expected is Matcher {
  return typeof expected === 'object' && expected !== null
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
