import { isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml'
import type { z } from 'zod'
import { InputError, messageOf } from '../outcome/errors.ts'
import { knownKeys, nearestKey } from './schema/known-keys.ts'

/** A document that was read, and where its parts stand in the file. */
export interface Located<T> {
  data: T
  /** The line of the nearest node that exists on the way to `path`; 1 when there is none. */
  lineOf: (path: (string | number)[]) => number
}

/**
 * Parses YAML and holds it against a schema.
 * @param file its path, for error messages
 * @param kind what the file is, with its article, for error messages: `a runbook`
 * @throws InputError that names file, line, key, what was found and what is accepted
 */
export function parseYaml<T>(file: string, kind: string, text: string, schema: z.ZodType<T>): Located<T> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' })
  const [broken] = document.errors
  if (broken) {
    const { line } = lines.linePos(broken.pos[0])
    throw new InputError(`${file}:${line} is not YAML: ${broken.message}`, {
      hint: `Fix line ${line} of ${file}.`,
    })
  }
  refuseRoundedIntegers(file, document, lines)
  const lineOf = (path: (string | number)[]) => lineOfNode(document, lines, path)
  const content = plain(file, document)
  const parsed = schema.safeParse(content)
  if (parsed.success) return { data: parsed.data, lineOf }
  throw schemaError({ file, kind, schema, content, lineOf }, firstOf(parsed.error.issues))
}

/**
 * Integers beyond ±(2^53 - 1) would be read as another number than the one that is written.
 * @throws InputError with file:line for the first
 */
function refuseRoundedIntegers(file: string, document: Document, lines: LineCounter): void {
  visit(document, {
    Scalar(_key, node) {
      const { value, source = '', range } = node
      if (!isScalar(node) || typeof value !== 'number' || Number.isSafeInteger(value)) return
      if (!/^[-+]?(\d+|0x[0-9a-f]+|0o?[0-7]+)$/i.test(source)) return
      const line = range ? lines.linePos(range[0]).line : 1
      throw new InputError(
        `${file}:${line} has the integer ${source}, which would be read as ${value}; accepted: integers up to ${Number.MAX_SAFE_INTEGER}`,
        {
          hint: `Put it in quotes if text is meant; where an answer is expected, write { integer: '${source}' }.`,
        },
      )
    },
  })
}

/** A key that is misspelt is missing under its right name, too: the one that stands there is what to correct. */
function firstOf(issues: z.core.$ZodIssue[]): z.core.$ZodIssue | undefined {
  return issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]
}

/** Aliases that unfold to more than a hundred nodes are refused by the parser: a person does not write those. */
function plain(file: string, document: Document): unknown {
  try {
    return document.toJS()
  } catch (cause) {
    throw new InputError(`${file} cannot be unfolded: ${messageOf(cause)}`, {
      hint: `Write out what the aliases (*name) of ${file} stand for.`,
      cause,
    })
  }
}

interface Refused {
  file: string
  kind: string
  schema: z.ZodType
  content: unknown
  lineOf: Located<unknown>['lineOf']
}

function schemaError(refused: Refused, issue: z.core.$ZodIssue | undefined): InputError {
  const { file, kind, schema, content, lineOf } = refused
  const path = issue?.path.map(part => (typeof part === 'number' ? part : String(part))) ?? []
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  const at = unknown === undefined ? path : [...path, unknown]
  const where = `${file}:${lineOf(at)} ${at.join('.') || 'the document'}`
  if (unknown !== undefined) {
    const keys = knownKeys(schema, content, path)
    const meant = nearestKey(unknown, keys)
    return new InputError(`${where} is not a key that ${kind} has there; accepted: ${keys.join(', ')}`, {
      hint: meant === undefined ? `Remove ${unknown}, or correct its spelling.` : `Did you mean ${meant}?`,
    })
  }
  if (issue?.code === 'invalid_key')
    return InputError.of(`${where}: the key`, String(at.at(-1)), issue.issues[0]?.message ?? 'another one')
  const found = valueAt(content, at)
  const text = found === undefined ? undefined : JSON.stringify(found).replace(/^"(.*)"$/, '$1')
  const shown = text === undefined ? undefined : withoutTokens(text)
  return InputError.of(where, shown, acceptedAt(refused, at, issue), `Fix ${at.join('.')} in ${file}.`)
}

/** Of something that is no text, and should be: what a text there would have to be. */
function acceptedAt(
  { schema, content }: Refused,
  path: (string | number)[],
  issue: z.core.$ZodIssue | undefined,
): string {
  if (!issue) return 'something else'
  const found = valueAt(content, path)
  if (issue.code !== 'invalid_type' || issue.expected !== 'string' || typeof found === 'object')
    return acceptedBy(issue)
  const text = found === undefined ? '' : JSON.stringify(found)
  const again = schema.safeParse(withValueAt(content, path, text))
  const still = again.error?.issues.find(each => each.path.join('.') === path.join('.'))
  if (still) return acceptedBy(still)
  return found === undefined ? acceptedBy(issue) : `text, which is this in quotes: "${text}"`
}

function valueAt(content: unknown, path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (value as Record<string, unknown> | undefined)?.[part],
    content,
  )
}

function withValueAt(content: unknown, path: (string | number)[], value: unknown): unknown {
  const copy = structuredClone(content)
  const parent = valueAt(copy, path.slice(0, -1)) as Record<string | number, unknown>
  parent[path.at(-1) ?? ''] = value
  return copy
}

const kinds: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'keys with values',
  record: 'keys with values',
  array: 'a list',
}

/** What a schema accepts, in its own words where it has some. */
function acceptedBy(issue: z.core.$ZodIssue): string {
  const [inKey] = issue.code === 'invalid_key' ? issue.issues : []
  if (inKey) return acceptedBy(inKey)
  if (!/^(Invalid|Too) /.test(issue.message)) return issue.message
  switch (issue.code) {
    case 'invalid_type':
      return kinds[issue.expected] ?? issue.expected
    case 'invalid_value':
      return issue.values.map(String).join(', ')
    case 'too_small':
      return issue.minimum === 1 && issue.origin !== 'number'
        ? 'something that is not empty'
        : `at least ${String(issue.minimum)}`
    case 'too_big':
      return `at most ${String(issue.maximum)}`
    default:
      return issue.message
  }
}

/** A long word in a URL's path is a key: a webhook that was pasted where its variable should be named. */
function withoutTokens(text: string): string {
  return text.replace(/https?:\/\/[^\s"]+/g, url => url.replace(/(?<=\/)[\w-]{16,}/g, '***'))
}

function lineOfNode(document: Document, lines: LineCounter, path: (string | number)[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true) as
      { range?: [number, number, number] } | undefined
    if (node?.range) return lines.linePos(node.range[0]).line
  }
  return 1
}
