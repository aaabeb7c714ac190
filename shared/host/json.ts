/**
 * Parses JSON so that no number is rounded: integers beyond ±(2^53 - 1), like 64-bit ids, become a `bigint`. A byte order
 * mark at the beginning is passed over, as RFC 8259 (section 8.1) allows: some frameworks write one.
 * @throws SyntaxError as `JSON.parse`
 */
export function parseExactJson(text: string): unknown {
  return JSON.parse(text.replace(/^\ufeff/, ''), exact)
}

function exact(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  return /^-?\d+$/.test(source) ? BigInt(source) : value
}

/** A value as JSON, with the digits of a `bigint` as they are. */
export function showJson(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map(showJson).join(',')}]`
  if (value === undefined) return 'null'
  if (!isRecord(value)) return JSON.stringify(value)
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${showJson(each)}`).join(',')}}`
}

/**
 * The value at a path like `checks.database.status` or `users[0].id`; undefined when there is none. Only an object's
 * own keys are found. A key that has the path's own text is taken first, as `a.b` of `{"a.b": 1}`.
 */
export function valueAt(document: unknown, path: string): unknown {
  if (isRecord(document) && Object.hasOwn(document, path)) return document[path]
  const keys = path.split(/[.[\]]+/).filter(key => key !== '')
  return keys.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<string, unknown>)[key]
        : undefined,
    document,
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
