import { toJson } from '../api/json.ts'

/** Words that YAML would take for something other than text. */
const ambiguous = /^$|^[\s\-?:,[\]{}#&*!|>'"%@`]|^(true|false|null|yes|no|on|off|~)$|^[\d.+-]|: |\s#|\s$|:$/i

/**
 * A value as lines of YAML for people to read and to compare: keys in one order, `name` first, so that only content
 * makes a difference; lists stay as they are.
 */
export function toLines(value: unknown): string[] {
  if (Array.isArray(value)) {
    return value.length === 0 ? ['[]'] : value.flatMap(each => indent(toLines(each), '- ', '  '))
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, each]) => each !== undefined)
    return entries.length === 0 ? ['{}'] : entries.toSorted(byName).flatMap(([key, each]) => entry(key, each))
  }
  if (typeof value !== 'string') return [toJson(value)]
  if (value.includes('\n')) return ['|', ...indent(value.replace(/\n$/, '').split('\n'), '  ', '  ')]
  return [ambiguous.test(value) ? JSON.stringify(value) : value]
}

function entry(key: string, value: unknown): string[] {
  const [first = '', ...rest] = toLines(value)
  const nested = typeof value === 'object' && value !== null && Object.keys(value).length > 0
  if (!nested) return [`${key}: ${first}`, ...rest]
  return [`${key}:`, ...indent([first, ...rest], '  ', '  ')]
}

function indent(lines: string[], first: string, others: string): string[] {
  return lines.map((line, index) => (index === 0 ? first : others) + line)
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  if (a === 'name' || b === 'name') return a === b ? 0 : a === 'name' ? -1 : 1
  return a < b ? -1 : a > b ? 1 : 0
}
