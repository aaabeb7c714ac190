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

/** Series that an expression is made of. */
export interface Selector {
  /** Without its range: `http_requests_total{code="500"}`. */
  series: string
  /** How far it looks back: `1m`; empty for the newest value. */
  range: string
}

/** The selectors of an expression, as `sum(rate(http_requests_total{code="500"}[1m]))` has one. Each is there once. */
export function selectorsIn(expr: string): Selector[] {
  const found = new Map<string, Selector>()
  for (let rest = expr.trimStart(); rest !== '';) {
    const { token, series } = next(rest)
    rest = rest.slice(Math.max(token.length, 1)).trimStart()
    if (series === undefined) continue
    const range = /^\[\s*([\w.]+)\s*\]/.exec(rest)?.[1] ?? ''
    found.set(`${series}[${range}]`, { series, range })
  }
  return [...found.values()]
}

/** The token at the beginning, with whatever belongs to it, and the series that it names, if it does. */
function next(text: string): { token: string; series?: string } {
  const skipped =
    /^(?:#[^\n]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|\[[^\]]*\]|@\s*[\w.]+|\.?\d[\w.]*)/.exec(text)
  if (skipped) return { token: skipped[0] }
  if (text.startsWith('{')) return whole(braces(text))
  const name = /^[a-zA-Z_:][\w:]*/.exec(text)?.[0]
  if (name === undefined) return { token: text.slice(0, 1) }
  const word = name.toLowerCase()
  const after = text.slice(name.length).trimStart()
  const upToAfter = text.slice(0, text.length - after.length)
  if (beforeLabels.has(word)) return { token: upToAfter + (/^\([^)]*\)/.exec(after)?.[0] ?? '') }
  if (words.has(word) || aggregations.has(word) || after.startsWith('(')) return { token: name }
  if (!after.startsWith('{')) return whole(name)
  const matchers = braces(after)
  return { token: upToAfter + matchers, series: name + matchers }
}

function whole(series: string): { token: string; series: string } {
  return { token: series, series }
}

/** `{...}` with strings that may hold a brace. */
function braces(text: string): string {
  return /^\{(?:[^"'`}]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)*\}/.exec(text)?.[0] ?? text
}
