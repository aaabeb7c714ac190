import { data, Evaluator, Lexer, Parser } from '@actions/expressions'

// Expressions of workflows, evaluated by GitHub's own library: what GitHub itself evaluates before a runner has the job, and what
// it writes into a job that a runner gets.

/** Contexts by their names, as plain values. A name that is missing is an error, as on GitHub. */
export type Contexts = Record<string, unknown>

/** What the status functions answer in the condition of a job. */
export interface JobStatus {
  /** Whether every job that came before it, also indirectly, succeeded. */
  success: boolean
  failure: boolean
  cancelled: boolean
}

/** The value of one expression, without its `${{ }}`. */
export function evaluate(expression: string, contexts: Contexts, status?: JobStatus): unknown {
  const answers = Object.entries({ ...status, ...(status ? { always: true } : {}) })
  const functions = answers.map(([name, answer]) => ({
    ...{ name, minArgs: 0, maxArgs: 0 },
    call: () => new data.BooleanData(answer),
  }))
  const { tokens } = new Lexer(expression).lex()
  const tree = new Parser(tokens, Object.keys(contexts), functions).parse()
  const known = new Map(functions.map(each => [each.name, each]))
  const result = new Evaluator(tree, toData(contexts) as data.Dictionary, known).evaluate()
  return JSON.parse(JSON.stringify(result, data.replacer)) as unknown
}

/** Whether a value counts as true in a condition. */
export function isTrue(value: unknown): boolean {
  return value !== null && value !== false && value !== 0 && value !== '' && !Number.isNaN(value)
}

/** A value of a workflow file with every expression in it evaluated, to any depth. A text that is one expression keeps its type. */
export function resolve(value: unknown, contexts: Contexts): unknown {
  return mapTexts(value, text => {
    const parts = partsOf(text)
    const [only] = parts
    if (parts.length === 1 && only?.kind === 'expression') return evaluate(only.text, contexts)
    return parts
      .map(part => (part.kind === 'text' ? part.text : toText(evaluate(part.text, contexts))))
      .join('')
  })
}

/** As GitHub turns a value into text. */
export function toText(value: unknown): string {
  return toData(value).coerceString()
}

/**
 * A value of a workflow file in which those contexts are written out as `fromJSON('...')`: what a runner evaluates then needs
 * none of them.
 */
export function inline(value: unknown, contexts: Contexts): unknown {
  return mapTexts(value, text =>
    partsOf(text)
      .map(part => (part.kind === 'text' ? part.text : `\${{ ${inlineExpression(part.text, contexts)} }}`))
      .join(''),
  )
}

/** The same for one expression without its `${{ }}`. */
export function inlineExpression(expression: string, contexts: Contexts): string {
  return expression.replaceAll(wordOrText, word => {
    const name = word.toLowerCase()
    if (!Object.hasOwn(contexts, name)) return word
    return `fromJSON('${JSON.stringify(contexts[name] ?? {}).replaceAll("'", "''")}')`
  })
}

/** Names of the functions and contexts that an expression uses, in lower case; not the properties after a dot. */
export function namesIn(expression: string): Set<string> {
  return new Set([...expression.matchAll(wordOrText)].map(([word]) => word.toLowerCase()))
}

/** A text in quotes, or a name with the dot before it, if there is one. */
const wordOrText = /'(?:[^']|'')*'|(?:\.\s*)?[a-z_][\w-]*/gi

/** A condition as an expression, whether it was written with `${{ }}` around all of it or without. */
export function conditionOf(text: string): string {
  const parts = partsOf(text.trim())
  const [only] = parts
  return parts.length === 1 && only ? only.text.trim() : text
}

interface Part {
  kind: 'text' | 'expression'
  text: string
}

/** `${{ }}` ends at the first `}}` that is in no string. */
function partsOf(text: string): Part[] {
  const parts: Part[] = []
  let from = 0
  for (const match of text.matchAll(/\$\{\{((?:'(?:[^']|'')*'|[^'])*?)\}\}/g)) {
    if (match.index > from) parts.push({ kind: 'text', text: text.slice(from, match.index) })
    parts.push({ kind: 'expression', text: (match[1] ?? '').trim() })
    from = match.index + match[0].length
  }
  if (from < text.length || parts.length === 0) parts.push({ kind: 'text', text: text.slice(from) })
  return parts
}

function mapTexts(value: unknown, change: (text: string) => unknown): unknown {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map(each => mapTexts(each, change))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, mapTexts(each, change)]))
}

function toData(value: unknown): data.ExpressionData {
  return JSON.parse(JSON.stringify(value ?? null), data.reviver) as data.ExpressionData
}
