import { readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isMap, LineCounter, parseAllDocuments, visit, type Document, type Tags } from 'yaml'
import { InputError, messageOf } from '../../outcome/errors.ts'
import { readTextFile } from '../../runbook/text-file.ts'
import { refuseRoundedIntegers } from '../../runbook/yaml.ts'
import { groupOf, keyOf, type KubeObject } from './objects.ts'
import { inOrder } from './order.ts'
import { plainCopy } from './plain.ts'
import { builtIn } from './resources.ts'
import { checkShape, dotted } from './shape.ts'

/**
 * Reads the manifests of a folder (its own .yaml, .yml and .json files, as `kubectl apply -f` does) or of one file, in
 * the order in which they are applied.
 * @param root the repository's root
 * @param path relative to `root`
 * @param namespace of the environment: objects that name none get it, objects of another are refused
 * @throws InputError with file:line
 */
export function readManifests(root: string, path: string, namespace: string): KubeObject[] {
  const sources = filesOf(root, path).map(file => ({ file, text: readText(root, file) }))
  return parseSources(path, sources, namespace)
}

/**
 * All objects of several texts, in the order in which they are applied.
 * @param path what the user named
 * @throws InputError with file:line
 */
export function parseSources(
  path: string,
  sources: { file: string; text: string }[],
  namespace: string,
): KubeObject[] {
  const found = sources.flatMap(({ file, text }) => parseManifests(file, text, namespace))
  if (found.length === 0) {
    throw new InputError(`manifests: ${path} has no objects`, {
      hint: `Put Kubernetes manifests into ${path}.`,
    })
  }
  const seen = new Map<string, string>()
  for (const { object, where } of found) {
    const before = seen.get(keyOf(object))
    if (before !== undefined) {
      throw new InputError(`${where} ${object.kind} ${object.metadata.name} is in ${before} already`, {
        hint: 'Remove one of the two: it is not certain which would win.',
      })
    }
    seen.set(keyOf(object), where)
  }
  return inOrder(found.map(({ object }) => object))
}

interface Placed {
  object: KubeObject
  /** `file:line` */
  where: string
}

/** `0o644`, which YAML 1.1 does not have and kubectl takes all the same. */
const modernOctal = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^0o[0-7]+$/,
  resolve: (text: string) => Number.parseInt(text.slice(2), 8),
}

/**
 * kubectl reads YAML 1.1: `0644` is octal and `yes` is true; but dates stay text, and `3001:30` is no number of base 60.
 */
const asKubectlReads = {
  version: '1.1',
  customTags: (tags: Tags): Tags => [
    modernOctal,
    ...tags.filter(
      tag => typeof tag === 'string' || (tag.format !== 'TIME' && tag.tag !== 'tag:yaml.org,2002:timestamp'),
    ),
  ],
} as const

/** The objects of one file: several documents, and the items of Lists. */
export function parseManifests(file: string, text: string, namespace: string): Placed[] {
  const lines = new LineCounter()
  const documents = unlessBroken(file, () =>
    parseAllDocuments(text, { ...asKubectlReads, lineCounter: lines, prettyErrors: false }),
  )
  if (!Array.isArray(documents)) return []
  return documents.flatMap(document => {
    const [broken] = document.errors
    if (broken) {
      const { line } = lines.linePos(broken.pos[0])
      if (/\{\{-?\s*[.$\w(]/.test(text)) throw isTemplate(file, line)
      throw new InputError(`${file}:${line} is not YAML: ${broken.message}`, {
        hint: `Mend line ${line} of ${file}.`,
      })
    }
    const templated = templateLine(document, lines)
    if (templated !== undefined) throw isTemplate(file, templated)
    refuseRoundedIntegers(file, document, lines)
    const line = (keys: (string | number)[]) => `${file}:${lineOf(document, lines, keys)}`
    const value = contentOf(file, document, line)
    if (value === null || value === undefined) return []
    return flatten(value, []).map(({ value: item, path }) => ({
      object: validate(item, keys => line([...path, ...keys]), namespace),
      where: line(path),
    }))
  })
}

/** What a document says, as JSON has it. */
function contentOf(file: string, document: Document, line: (keys: (string | number)[]) => string): unknown {
  const value = unlessBroken(file, () => plainCopy(document.toJS()))
  if ('copy' in value) return value.copy
  throw new InputError(
    `${line(value.path)} ${dotted(value.path)} ${value.what}; accepted: text, numbers, true, false, null, lists and maps`,
    {
      hint: 'Write it without the tag: binary content goes as base64 text into data of a Secret, or binaryData of a ConfigMap.',
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

function flatten(value: unknown, path: (string | number)[]): { value: unknown; path: (string | number)[] }[] {
  const list = value as { kind?: unknown; items?: unknown }
  if (typeof value === 'object' && value !== null && list.kind === 'List' && Array.isArray(list.items)) {
    return list.items.flatMap((item, index) => flatten(item, [...path, 'items', index]))
  }
  return [{ value, path }]
}

function validate(
  value: unknown,
  where: (keys: (string | number)[]) => string,
  namespace: string,
): KubeObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InputError(`${where([])} is not a Kubernetes object`, {
      hint: 'Keep only manifests in the folder; other YAML belongs elsewhere.',
    })
  }
  const object = value as Partial<KubeObject>
  for (const key of ['apiVersion', 'kind'] as const) {
    const found = object[key]
    if (typeof found !== 'string' || found === '') {
      throw InputError.of(
        `${where([key])} ${key}`,
        shown(found),
        key === 'kind' ? 'a kind like Deployment' : 'a version like apps/v1',
      )
    }
  }
  const { apiVersion, kind } = object as KubeObject
  if (groupOf(apiVersion) === 'kustomize.config.k8s.io') {
    throw new InputError(`${where([])} is a kustomization among manifests`, {
      hint: 'Call its file kustomization.yaml, in a folder of its own, and name that folder as manifests.',
    })
  }
  const said = Object.entries(object.metadata ?? {}).filter(([, each]) => each !== null)
  const metadata = Object.fromEntries(said) as Partial<KubeObject['metadata']>
  const name: unknown = metadata.name
  if (typeof name !== 'string' || !/^[a-z0-9]([-a-z0-9.:]{0,251}[a-z0-9])?$/.test(name)) {
    throw InputError.of(
      `${where(['metadata', 'name'])} metadata.name of ${kind}`,
      shown(name),
      'a Kubernetes name',
    )
  }
  if (metadata.namespace !== undefined && metadata.namespace !== namespace) {
    throw InputError.of(
      `${where(['metadata', 'namespace'])} metadata.namespace of ${kind} ${name}`,
      shown(metadata.namespace),
      `${namespace}, the namespace of this environment, or none`,
    )
  }
  checkShape(object as KubeObject, where)
  const ofCluster = builtIn(apiVersion, kind)?.namespaced === false
  return {
    ...(object as KubeObject),
    metadata: { ...metadata, name, ...(ofCluster ? {} : { namespace }) },
  }
}

function shown(value: unknown): string | undefined {
  return value === undefined || typeof value === 'string' ? value : JSON.stringify(value)
}

/** `{{ .Values.x }}` is YAML after all: a map whose key is a map, which no manifest has. Gives the line of the first. */
function templateLine(document: Document, lines: LineCounter): number | undefined {
  let offset: number | undefined
  visit(document, {
    Pair(_key, { key }) {
      if (!isMap(key)) return undefined
      offset = key.range?.[0]
      return visit.BREAK
    },
  })
  return offset === undefined ? undefined : lines.linePos(offset).line
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

function filesOf(root: string, path: string): string[] {
  try {
    if (!statSync(resolve(root, path)).isDirectory()) return [path]
    return readdirSync(resolve(root, path))
      .filter(name => /\.(ya?ml|json)$/.test(name))
      .toSorted()
      .map(name => join(path, name))
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

const missing = 'Check the repository out first, or set manifests to the folder that holds them.'

function readText(root: string, file: string): string {
  return readTextFile({ input: 'manifests', root, file, missing }).text
}

function unreadable(path: string, cause: unknown): InputError {
  return new InputError(`manifests: ${path} cannot be read: ${messageOf(cause)}`, { hint: missing, cause })
}
