import { isMap, isScalar, LineCounter, parseAllDocuments, visit, type Document, type Tags } from 'yaml'
import { InputError, messageOf } from '../../../outcome/errors.ts'
import { plainCopy } from './plain.ts'
import { dotted } from './shape.ts'

/** One YAML document of a file, as the API would be sent it. */
export interface ManifestDocument {
  /** Undefined or null for an empty one. */
  value: unknown
  /** `file:line` of a part of it. */
  where: (path: (string | number)[]) => string
}

/** `0o644`, which YAML 1.1 does not have and kubectl takes all the same. */
const modernOctal = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^0o[0-7]+$/,
  resolve: (text: string) => BigInt(text),
}

/**
 * kubectl reads YAML 1.1: `0644` is octal and `yes` is true; but dates stay text, and `3001:30` is no number of base 60.
 * Integers are read whole, as the API has them.
 */
const asKubectlReads = {
  version: '1.1',
  intAsBigInt: true,
  customTags: (tags: Tags): Tags => [
    modernOctal,
    ...tags.filter(
      tag => typeof tag === 'string' || (tag.format !== 'TIME' && tag.tag !== 'tag:yaml.org,2002:timestamp'),
    ),
  ],
} as const

/**
 * The documents of one file.
 * @throws InputError with file:line for what is no YAML, a template, or would not reach the API as it is written
 */
export function readDocuments(file: string, text: string): ManifestDocument[] {
  const lines = new LineCounter()
  const documents = unlessBroken(file, () =>
    parseAllDocuments(text, {
      ...asKubectlReads,
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'error',
    }),
  )
  if (!Array.isArray(documents)) return []
  return documents.map(document => {
    const [broken] = document.errors
    if (broken) {
      const { line } = lines.linePos(broken.pos[0])
      if (/\{\{-?\s*[.$\w(]/.test(text)) throw isTemplate(file, line)
      throw new InputError(`${file}:${line} is not YAML: ${broken.message}`, {
        hint: `Fix line ${line} of ${file}.`,
      })
    }
    checkKeys(file, document, lines)
    const where = (keys: (string | number)[]) => `${file}:${lineOf(document, lines, keys)}`
    return { value: contentOf(file, document, where), where }
  })
}

/** What a document says, as JSON has it. */
function contentOf(file: string, document: Document, where: ManifestDocument['where']): unknown {
  const value = unlessBroken(file, () => plainCopy(document.toJS()))
  if ('copy' in value) return value.copy
  throw new InputError(
    `${where(value.path)} ${dotted(value.path)} ${value.what}; accepted: text, numbers, true, false, null, lists and maps`,
    {
      hint: 'Write it without the tag, and a long number in quotes: binary content goes as base64 text into data of a Secret, or binaryData of a ConfigMap.',
    },
  )
}

/** The parser throws, too: of aliases that unfold to too much, or that lead nowhere. */
function unlessBroken<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new InputError(`${file} cannot be unfolded: ${messageOf(cause)}`, {
      hint: `Write out what the aliases (*name) of ${file} stand for, and nest no deeper than manifests do.`,
      cause,
    })
  }
}

/**
 * Keys are text. `{{ .Values.x }}` is YAML after all: a map whose key is a map, which no manifest has. And `on`, `0644` or
 * `1.0` without quotes would become the keys `true`, `420` and `1`.
 */
function checkKeys(file: string, document: Document, lines: LineCounter): void {
  visit(document, {
    Pair(_key, { key }) {
      if (isMap(key)) throw isTemplate(file, lines.linePos(key.range?.[0] ?? 0).line)
      if (!isScalar(key) || typeof key.value === 'string' || typeof key.value === 'symbol') return undefined
      const { source = '', value, range } = key
      if (source === String(value)) return undefined
      throw new InputError(
        `${file}:${lines.linePos(range?.[0] ?? 0).line} the key ${source || '(none)'} would become ${String(value)}; accepted: text`,
        { hint: `Write "${source}" in quotes.` },
      )
    },
  })
}

function isTemplate(file: string, line: number): InputError {
  return new InputError(`${file}:${line} is a template, not a manifest`, {
    hint: 'Render the chart first (helm template ... > manifests.yaml) and name that file as manifests.',
  })
}

/** The line of the nearest node that exists on the way to `path`. */
function lineOf(document: Document, lines: LineCounter, path: (string | number)[]): number {
  for (let depth = path.length; depth >= 0; depth--) {
    const node = (depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true)) as {
      range?: [number, number, number]
    } | null
    if (node?.range) return lines.linePos(node.range[0]).line
  }
  return 1
}
