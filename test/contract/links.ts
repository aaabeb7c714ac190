import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** The Markdown files of a folder, by paths relative to it. */
export function markdownIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.md') && !/(^|\/)(node_modules|build|\.git)\//.test(path))
    .sort()
}

/**
 * Follows the links of one document: to files, and to headings.
 * @returns what leads nowhere, as `document: link`
 */
export function brokenLinks(folder: string, document: string): string[] {
  const text = readFileSync(join(folder, document), 'utf8')
  // What stands in a code block or in backticks is no link.
  const prose = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '')
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  return links
    .filter(link => !/^[a-z]+:/.test(link) && !leads(folder, document, link))
    .map(link => `${document}: ${link}`)
}

function leads(folder: string, document: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const file = path === '' ? join(folder, document) : join(folder, dirname(document), path)
  if (!existsSync(file) || relative(folder, file).startsWith('..')) return false
  if (anchor === undefined) return true
  return statSync(file).isFile() && anchorsOf(readFileSync(file, 'utf8')).has(anchor)
}

/** The anchors that GitHub gives headings: lower case, without punctuation, spaces as hyphens, doubles numbered. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').matchAll(/^#{1,6}\s+(.+)$/gm)) {
    const base = heading
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    let anchor = base
    for (let copy = 1; anchors.has(anchor); copy += 1) anchor = `${base}-${copy}`
    anchors.add(anchor)
  }
  return anchors
}
