import { InputError } from '../../outcome/errors.ts'

export const operators = ['<=', '>=', '<', '>'] as const
export type Operator = (typeof operators)[number]

/** What has to hold for a service to be well: `max(nodejs_eventloop_delay_seconds) < 0.2`. */
export interface Condition {
  /** For people: `lag`. */
  name: string
  /** What is measured: PromQL, or a series of a metrics text. */
  expr: string
  operator: Operator
  limit: number
  /** The input's name or `file:line`, for errors. */
  where: string
}

export const acceptedCondition =
  'an expression, one of < <= > >=, and a number, like max(nodejs_eventloop_delay_seconds) < 0.2'
export const acceptedName = 'a name of lower-case letters, digits and dashes, at most 40'

export const acceptedMetricCondition =
  'a metric, with exact values of labels if need be, one of < <= > >=, and a number, like queue_length{queue="mail"} < 100'

/** More than these are not read, and the ledger keeps what was over. */
export const mostConditions = 20

/**
 * Reads `EXPR < NUMBER`; a number may be a percentage. What stands last is the comparison: the expression may hold others.
 * @param where the input's name or `file:line`, for the error
 */
export function parseCondition(where: string, name: string, text: string): Condition {
  if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name)) throw InputError.of(`${where}: the name`, name, acceptedName)
  const match = /^(?<expr>.*)(?<operator><=|>=|<|>)(?<limit>[^<>=]*)$/s.exec(text)
  const { operator = '', limit = '', ...said } = match?.groups ?? {}
  const expr = (said['expr'] ?? '').trim()
  const number = parseNumber(limit.trim())
  if (expr === '' || number === undefined || !isOperator(operator))
    throw InputError.of(where, text, acceptedCondition)
  const unbalanced = findUnbalanced(expr)
  if (unbalanced !== undefined)
    throw InputError.of(where, text, `${acceptedCondition}; ${unbalanced} has no partner`)
  return { name, expr, operator, limit: number, where }
}

/**
 * Reads lines of `NAME: EXPR < NUMBER`; empty lines and those that begin with # say nothing.
 * @param where the input's name, for the error: `queries:2`
 */
export function parseConditions(where: string, text: string): Condition[] {
  const found: Condition[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const said = line.trim()
    if (said === '' || said.startsWith('#')) continue
    const at = `${where}:${index + 1}`
    const colon = said.indexOf(':')
    if (colon < 1) throw InputError.of(at, said, `NAME: and ${acceptedCondition}`)
    const condition = parseCondition(at, said.slice(0, colon).trim(), said.slice(colon + 1).trim())
    if (found.some(({ name }) => name === condition.name))
      throw InputError.of(`${at}: the name`, condition.name, 'each name once')
    found.push(condition)
    if (found.length > mostConditions)
      throw InputError.of(at, said, `at most ${mostConditions} lines`, `Leave out the rest of ${where}.`)
  }
  return found
}

export function holds({ operator, limit }: Pick<Condition, 'operator' | 'limit'>, value: number): boolean {
  switch (operator) {
    case '<':
      return value < limit
    case '<=':
      return value <= limit
    case '>':
      return value > limit
    case '>=':
      return value >= limit
  }
}

/** One metric of a text, not an expression over several. */
export function isSelector(expr: string): boolean {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*(\s*\{[^{}]*\})?$/.test(expr)
}

function isOperator(text: string): text is Operator {
  return operators.some(each => each === text)
}

function parseNumber(text: string): number | undefined {
  const match = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(%?)$/.exec(text)
  const value = Number(match?.[1] ?? NaN) / (match?.[2] === '%' ? 100 : 1)
  return Number.isFinite(value) ? value : undefined
}

const partners: Record<string, string> = { '(': ')', '[': ']', '{': '}' }

/** The first bracket or quote of an expression that has no partner; strings are skipped as PromQL has them. */
function findUnbalanced(expr: string): string | undefined {
  const open: string[] = []
  for (let at = 0; at < expr.length; at += 1) {
    const sign = expr[at] ?? ''
    if (sign === '"' || sign === "'" || sign === '`') {
      const end = endOfString(expr, at)
      if (end < 0) return sign
      at = end
    } else if (sign in partners) open.push(sign)
    else if (Object.values(partners).includes(sign) && partners[open.pop() ?? ''] !== sign) return sign
  }
  return open.at(-1)
}

function endOfString(expr: string, from: number): number {
  const quote = expr[from]
  for (let at = from + 1; at < expr.length; at += 1) {
    if (expr[at] === '\\' && quote !== '`') at += 1
    else if (expr[at] === quote) return at
  }
  return -1
}
