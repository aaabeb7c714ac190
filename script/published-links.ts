import { posix } from 'node:path'

/** What the published tree is made for. */
export interface Publication {
  /** Repository that it is published in: `org/runbook-actions`. */
  repository: string
  /** What inner references are pinned to: a tag, or a commit of that repository. */
  ref: string
}

/** The repository that the sources name. */
const written = 'org/runbook-actions'

/**
 * Where a file or folder of the sources lies in the published tree.
 * @param path relative to the root of the repository, with `/`
 * @returns undefined when the tree does not have it
 */
export function publishedPath(path: string): string | undefined {
  const [top, name = '', ...rest] = path.split('/')
  if (top === 'actions' && name !== '' && !name.includes('.')) return [name, ...rest].join('/')
  if (top === 'workflows') return posix.join('.github', path)
  if (top === 'docs') return isForMaintainers(path) ? undefined : path
  if (path.startsWith('deployment/k8s/access')) return path
  if (/^deployment\/\w+\.schema\.json$/.test(path)) return name
  return ['README.md', 'SECURITY.md', 'LICENSE', 'action.yml'].includes(path) ? path : undefined
}

/** Documents for engineers who change the suite; its users need none of them. */
function isForMaintainers(path: string): boolean {
  return /^docs\/(decisions(\/|$)|(architecture|glossary|maintaining)\.md$)/.test(path)
}

/**
 * A text of the sources as the published tree has it: references to actions and workflows name the repository and ref of the
 * publication, and relative links of Markdown lead to where their targets lie in the tree, or to the sources on GitHub.
 * @param from path of the text in the sources
 */
export function publish(text: string, from: string, publication: Publication): string {
  const { repository, ref } = publication
  const referring = text
    .replaceAll(
      /org\/runbook-actions(\/[\w./-]+)?@v1\b/g,
      (_all, path = '') => `${repository}${String(path)}@${ref}`,
    )
    .replaceAll(`github:${written}#v1`, `github:${repository}#${ref}`)
    .replaceAll(`githubusercontent.com/${written}/v1/`, `githubusercontent.com/${repository}/${ref}/`)
    .replaceAll(`github.com/${written}`, `github.com/${repository}`)
  return from.endsWith('.md') ? relink(referring, from, publication) : referring
}

function relink(text: string, from: string, { repository }: Publication): string {
  const here = publishedPath(from)
  if (here === undefined) throw new Error(`${from} is not published`)
  return text.replaceAll(/\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)/g, (_all, link: string, anchor = '') => {
    const target = posix.join(posix.dirname(from), link)
    const published = publishedPath(target.replace(/\/$/, ''))
    const address =
      published === undefined
        ? `https://github.com/${repository}/blob/main/${target}`
        : posix.relative(posix.dirname(here), published)
    return `](${address}${String(anchor)})`
  })
}
