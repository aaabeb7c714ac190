import { cutEnd } from '../../../outcome/cut.ts'
import type { Change } from '../../target.ts'
import { hide, secretsIn } from '../ownership/hidden.ts'
import { compareLines, type Line } from './lines.ts'
import { describe, keyOf, type KubeObject } from '../manifests/objects.ts'
import type { KubernetesBody } from '../apply/body.ts'
import { toLines } from '../manifests/text.ts'

/** Lines of one object's diff that are shown; the rest is counted. */
const shownLines = 60
const shownCharacters = 160
/** Lines around a change: enough to see the name of the container that it is in. */
const contextLines = 2

/** One object before and after as a unified diff of its YAML; secrets are left out. */
export function changeOf(
  object: KubeObject,
  before: KubeObject | undefined,
  after: KubeObject | undefined,
): Change {
  const name = describe(object)
  if (!before) return { object: name, action: after ? 'create' : 'none' }
  if (!after) return { object: name, action: 'delete' }
  const known = new Map<string, unknown>()
  const from = toLines(
    hide(contentOf(before), secretsIn(before.kind, contentOf(before)), (path, value) => {
      known.set(path, value)
      return '(hidden)'
    }),
  )
  const to = toLines(
    hide(contentOf(after), secretsIn(after.kind, contentOf(after)), (path, value) =>
      known.has(path) && known.get(path) !== value ? '(hidden, changed)' : '(hidden)',
    ),
  )
  if (from.join('\n') === to.join('\n')) return { object: name, action: 'none' }
  return { object: name, action: 'update', diff: unified(compareLines(from, to)) }
}

/** What one release's manifests change against another's. */
export function compareBodies(before: KubernetesBody, after: KubernetesBody): Change[] {
  const [old, now] = [before, after].map(body => new Map(body.manifests.map(each => [keyOf(each), each])))
  const keys = [...new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])]
  return keys.flatMap(key => {
    const [from, to] = [old?.get(key), now?.get(key)]
    const object = to ?? from
    return object ? [changeOf(object, from, to)] : []
  })
}

/** What became of an object, without saying how it changed. */
export function actionOf(before: KubeObject | undefined, after: KubeObject | undefined): Change['action'] {
  if (!before || !after) return before ? 'delete' : after ? 'create' : 'none'
  const content = (object: KubeObject) => toLines(contentOf(object)).join('\n')
  return content(before) === content(after) ? 'none' : 'update'
}

/** Changed lines with what is around them, each stretch under the path of what it is in. */
function unified(lines: Line[]): string {
  const near = lines.map((_line, index) =>
    lines.slice(Math.max(0, index - contextLines), index + contextLines + 1).some(({ mark }) => mark !== ' '),
  )
  const shown: string[] = []
  for (const [index, line] of lines.entries()) {
    if (!near[index]) continue
    const path = near[index - 1] ? '' : pathAt(lines, index)
    if (path !== '') shown.push(`@@ ${path} @@`)
    else if (!near[index - 1] && shown.length > 0) shown.push('@@ @@')
    shown.push(cutEnd(`${line.mark}${line.text}`, shownCharacters))
  }
  const more = shown.length - shownLines
  if (more <= 0) return shown.join('\n')
  const hidden = lines.filter(({ mark }) => mark !== ' ').length
  return [...shown.slice(0, shownLines), `... ${hidden} changed lines in all`].join('\n')
}

/** `spec.template.spec.containers`: the keys that a line of YAML lies under. */
function pathAt(lines: Line[], index: number): string {
  const path: string[] = []
  let depth = indentOf(lines[index]?.text ?? '')
  for (let above = index - 1; above >= 0 && depth > 0; above--) {
    const { mark = ' ', text = '' } = lines[above] ?? {}
    const key = /^\s*(?:- )?([^\s:"'][^:]*):(?:$| )/.exec(text)?.[1]
    if (mark === '+' || key === undefined || indentOf(text) >= depth) continue
    depth = indentOf(text)
    path.unshift(key)
  }
  return path.join('.')
}

function indentOf(text: string): number {
  return /^ */.exec(text)?.[0].length ?? 0
}

/** What people write into an object; not what the cluster, or this suite for its own ends, adds. */
export function contentOf(object: KubeObject): Record<string, unknown> {
  const { metadata, status: _status, apiVersion: _version, kind: _kind, ...rest } = object
  const { labels, annotations, finalizers } = metadata
  const said = {
    ...(finalizers === undefined ? {} : { finalizers }),
    ...present('labels', own(labels)),
    ...present('annotations', own(annotations)),
  }
  return { ...present('metadata', said), ...rest }
}

function own(entries: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(entries).filter(
      ([key]) =>
        !key.startsWith('runbook/') &&
        key !== 'kubectl.kubernetes.io/last-applied-configuration' &&
        key !== 'deployment.kubernetes.io/revision',
    ),
  )
}

function present(key: string, value: object): Record<string, unknown> {
  return Object.keys(value).length === 0 ? {} : { [key]: value }
}
