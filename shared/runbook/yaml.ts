import { LineCounter, parseDocument, type Document } from 'yaml'
import type { z } from 'zod'
import { InputError, messageOf } from '../outcome/errors.ts'

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
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [broken] = document.errors
  if (broken) {
    const { line } = lines.linePos(broken.pos[0])
    throw new InputError(`${file}:${line} is not YAML: ${broken.message}`, {
      hint: `Mend line ${line} of ${file}.`,
    })
  }
  const lineOf = (path: (string | number)[]) => lineOfNode(document, lines, path)
  const parsed = schema.safeParse(plain(file, document))
  if (parsed.success) return { data: parsed.data, lineOf }
  throw schemaError(file, kind, document, lineOf, parsed.error.issues[0])
}

/** Aliases that unfold to more than a hundred nodes are refused by the parser: nobody writes those by hand. */
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

function schemaError(
  file: string,
  kind: string,
  document: Document,
  lineOf: Located<unknown>['lineOf'],
  issue: z.core.$ZodIssue | undefined,
): InputError {
  const path = issue?.path.map(part => (typeof part === 'number' ? part : String(part))) ?? []
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  const at = unknown === undefined ? path : [...path, unknown]
  const where = `${file}:${lineOf(at)} ${at.join('.') || 'the document'}`
  if (unknown !== undefined) {
    return new InputError(`${where} is not a key that ${kind} has`, {
      hint: `Remove ${unknown}, or mend its spelling.`,
    })
  }
  if (issue?.code === 'invalid_key')
    return InputError.of(`${where}: the key`, String(at.at(-1)), issue.issues[0]?.message ?? 'another one')
  const found: unknown = document.getIn(at)
  const text = found === undefined ? undefined : JSON.stringify(found).replace(/^"(.*)"$/, '$1')
  const shown = text === undefined ? undefined : withoutTokens(text)
  return InputError.of(
    where,
    shown,
    issue ? acceptedBy(issue) : 'something else',
    `Mend ${at.join('.')} in ${file}.`,
  )
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
