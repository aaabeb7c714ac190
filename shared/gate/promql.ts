/** Words of PromQL that are followed by a list of labels. */
const beforeLabels = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right'])
/** Words that are neither functions before a bracket nor names of metrics. */
const words = new Set(['and', 'or', 'unless', 'bool', 'offset', 'atan2', 'inf', 'nan'])
/** Aggregations may have their labels before what they aggregate: `sum by (job) (up)`. */
const aggregations = new Set(
  'sum min max avg group stddev stdvar count count_values bottomk topk quantile limitk limit_ratio'.split(
    ' ',
  ),
)

/**
 * The series that an expression is made of, as instant selectors without their ranges: of
 * `sum(rate(http_requests_total{code="500"}[1m]))` that is `http_requests_total{code="500"}`. Each is there once.
 */
export function selectorsIn(expr: string): string[] {
  const found = new Set<string>()
  for (let rest = expr.trimStart(); rest !== '';) {
    const [token, selector] = next(rest)
    if (selector !== undefined) found.add(selector)
    rest = rest.slice(Math.max(token.length, 1)).trimStart()
  }
  return [...found]
}

/** The token at the beginning, with whatever belongs to it, and the selector that it is, if it is one. */
function next(text: string): [token: string, selector?: string] {
  const skipped =
    /^(?:#[^\n]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|\[[^\]]*\]|@\s*[\w.]+|\.?\d[\w.]*)/.exec(text)
  if (skipped) return [skipped[0]]
  if (text.startsWith('{')) return both(braces(text))
  const name = /^[a-zA-Z_:][\w:]*/.exec(text)?.[0]
  if (name === undefined) return [text.slice(0, 1)]
  const word = name.toLowerCase()
  const after = text.slice(name.length).trimStart()
  if (beforeLabels.has(word))
    return [text.slice(0, text.length - after.length) + (/^\([^)]*\)/.exec(after)?.[0] ?? '')]
  if (words.has(word) || aggregations.has(word) || after.startsWith('(')) return [name]
  if (!after.startsWith('{')) return both(name)
  const matchers = braces(after)
  return [text.slice(0, text.length - after.length) + matchers, name + matchers]
}

function both(selector: string): [string, string] {
  return [selector, selector]
}

/** `{...}` with strings that may hold a brace. */
function braces(text: string): string {
  return /^\{(?:[^"'`}]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)*\}/.exec(text)?.[0] ?? text
}
