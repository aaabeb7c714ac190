import { readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { InputError, messageOf } from '../../../outcome/errors.ts'
import { readTextFile } from '../../../config/text-file.ts'
import { readDocuments, type ManifestDocument } from './documents.ts'
import { withoutServerFields, type LeftOut } from './exported.ts'
import { generatedBy } from './generated.ts'
import { toJson } from '../api/json.ts'
import { unfold, type KindOf, type Unfolded } from './lists.ts'
import { groupOf, keyOf, type KubeObject } from './objects.ts'
import { inOrder } from './order.ts'
import { builtIn } from '../api/resources.ts'
import { checkShape, dotted } from './shape.ts'

/** The objects of manifests. */
export interface Manifests {
  /** In the order in which they are applied. */
  objects: KubeObject[]
  /** What of the manifests is not applied, and why; one line an object. */
  notices: string[]
}

/**
 * Reads the documents of a folder (its own .yaml, .yml and .json files, as `kubectl apply -f` does) or of one file.
 * @param root the repository's root
 * @param path relative to `root`
 * @throws InputError with file:line
 */
export function readFolder(root: string, path: string): ManifestDocument[] {
  return filesOf(root, path).flatMap(file => readDocuments(file, readText(root, file)))
}

/**
 * All objects of documents, in the order in which they are applied.
 * @param path what the user named
 * @param namespace of the environment: objects that name none get it, objects of another are refused
 * @param listLike kinds of objects that look like lists, see `unfold`
 * @throws InputError with file:line
 */
export function objectsIn(
  path: string,
  documents: ManifestDocument[],
  namespace: string,
  listLike: KindOf[] = [],
): Manifests {
  const unfolded = unfold(documents, listLike)
  const read = unfolded.map(each => ({ ...validate(each, namespace), where: each.where([]) }))
  const found = read.filter(({ generated }) => !generated)
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
  return {
    objects: inOrder(found.map(({ object }) => object)),
    notices: read.flatMap(({ notices }) => notices),
  }
}

interface Validated {
  object: KubeObject
  /** The cluster or a tool generates it: it is not applied. */
  generated: boolean
  notices: string[]
}

function validate({ value, where }: Unfolded, namespace: string): Validated {
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
  if (name === undefined && typeof metadata['generateName'] === 'string') {
    throw new InputError(
      `${where(['metadata', 'generateName'])} ${kind} has generateName and no name, with which it can be created and not applied`,
      {
        hint: 'Write metadata.name instead; the name of a Job gets the id of the release at its end, so that each release runs its own.',
      },
    )
  }
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
  const generated = generatedBy({ ...(object as KubeObject), metadata: { ...metadata, name } })
  if (generated !== undefined) {
    const notice = `${where([])} ${kind} ${name}: left out, since ${generated}`
    return { object: object as KubeObject, generated: true, notices: [notice] }
  }
  checkShape(object as KubeObject, where)
  const ofCluster = builtIn(apiVersion, kind)?.namespaced === false
  const whole = {
    ...(object as KubeObject),
    metadata: { ...metadata, name, ...(ofCluster ? {} : { namespace }) },
  }
  const { object: kept, leftOut } = withoutServerFields(whole)
  return { object: kept, generated: false, notices: noticesOf(kept, leftOut, where) }
}

/** What a person should know of the parts of an exported manifest that are not applied. */
function noticesOf({ kind, metadata }: KubeObject, leftOut: LeftOut[], where: Unfolded['where']): string[] {
  const [first] = leftOut
  if (!first) return []
  const names = leftOut.map(({ path }) => dotted(path)).join(', ')
  return [
    `${where(first.path)} ${kind} ${metadata.name}: what the cluster writes itself is left out: ${names}`,
  ]
}

function shown(value: unknown): string | undefined {
  return value === undefined || typeof value === 'string' ? value : toJson(value)
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
