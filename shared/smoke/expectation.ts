import { quote } from '../outcome/errors.ts'
import type { HttpAnswer } from '../integrations/http/http.ts'
import { parseExactJson } from '../host/json.ts'
import { unmetJson } from '../integrations/http/unmet-json.ts'
import type { JsonExpectation } from '../config/schema/json-expectation.ts'
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
  return [...found, ...unmetBody(json, answer)]
}

function unmetBody(expected: JsonExpectation, answer: HttpAnswer): string[] {
  if (Object.keys(expected).length === 0) return []
  const document = parseJson(answer)
  if (!document) return [`the body is ${answer.truncated ? 'too long' : 'not JSON'}`]
  return unmetJson(document.json, expected)
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
