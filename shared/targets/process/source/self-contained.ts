import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'

/** What a release needs and does not have in its own folder. */
export interface Lack {
  /** The package, or the link. */
  what: string
  /** File of the release that needs it, relative to the release. */
  by: string
}

/**
 * Finds what Node would look for outside a release's folder. It searches every folder above a file for `node_modules`, and
 * a release stands in a repository that may have some of its own: what is missing in the release is then found there, in
 * the version of the day.
 *
 * Looked at: the dependencies of the package that is started, the links in its `node_modules`, and what the start script
 * and the files that it loads at once (`import` and `require` at the beginning of a line) ask for by name. An import within
 * a condition is not followed: whether it is ever loaded cannot be told here.
 * @param release folder of the release, absolute
 * @param within where the source is in it; empty for all of it
 * @param start script, relative to the source
 */
export function findLacks(release: string, within: string, start: string): Lack[] {
  const root = realpathSync(release)
  const source = join(root, within)
  return [...declared(root, source), ...linksOut(root, source), ...loaded(root, join(source, start))]
}

/** Dependencies of the nearest package.json that no `node_modules` of the release holds. */
function declared(root: string, source: string): Lack[] {
  const owner = upTo(root, source).find(folder => existsSync(join(folder, 'package.json')))
  if (owner === undefined) return []
  const file = join(owner, 'package.json')
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(file, 'utf8')) as {
    dependencies?: object
    optionalDependencies?: object
  }
  return Object.keys(dependencies)
    .filter(name => !(name in optionalDependencies) && holderOf(root, owner, name) === undefined)
    .map(name => ({ what: name, by: relative(root, file) }))
}

/** Packages of the release that are links to somewhere else. */
function linksOut(root: string, source: string): Lack[] {
  const folders = upTo(root, source).map(folder => join(folder, 'node_modules'))
  return folders.filter(existsSync).flatMap(folder =>
    packagesIn(folder)
      .filter(name => !isInside(root, join(folder, name)))
      .map(name => ({ what: name, by: relative(root, join(folder, name)) })),
  )
}

function packagesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter(name => !name.startsWith('.'))
    .flatMap(name =>
      name.startsWith('@') ? readdirSync(join(folder, name)).map(each => `${name}/${each}`) : [name],
    )
}

/** A link that leads nowhere is as good as none. */
function isInside(root: string, path: string): boolean {
  try {
    return realpathSync(path).startsWith(root + sep)
  } catch {
    return true
  }
}

/** Packages that are loaded at once, are not in the release, and would be found above it. */
function loaded(root: string, start: string): Lack[] {
  const lacks = new Map<string, Lack>()
  const seen = new Set<string>()
  const waiting = [start]
  for (let file = waiting.pop(); file !== undefined && seen.size < mostFiles; file = waiting.pop()) {
    if (seen.has(file)) continue
    seen.add(file)
    for (const specifier of specifiersIn(file)) {
      if (specifier.startsWith('.')) waiting.push(...fileAt(join(dirname(file), specifier)))
      const name = packageOf(specifier)
      if (name === undefined || name === nameOfPackage(root, file)) continue
      if (holderOf(root, dirname(file), name) !== undefined) continue
      if (foundAbove(root, name)) lacks.set(name, { what: name, by: relative(root, file) })
    }
  }
  return [...lacks.values()]
}

/** Far more than the files that a service loads of its own at its start. */
const mostFiles = 5_000

const loads = [
  /^(?:import|export)\b[^'";]*?\bfrom\s*['"]([^'"]+)['"]/gm,
  /^import\s*['"]([^'"]+)['"]/gm,
  /^(?:(?:const|let|var)\b[^'";]*?=\s*)?(?:await\s+)?(?:require|import)\(\s*['"]([^'"]+)['"]\s*\)/gm,
]

function specifiersIn(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  return loads.flatMap(pattern => [...text.matchAll(pattern)].map(([, specifier = '']) => specifier))
}

/** The file that a relative specifier leads to, as `require` completes it; none when it is no file of JavaScript. */
function fileAt(path: string): string[] {
  const endings = ['', '.js', '.cjs', '.mjs', '.ts', '/index.js', '/index.cjs']
  const found = endings
    .map(ending => path + ending)
    .find(each => statSync(each, { throwIfNoEntry: false })?.isFile())
  return found !== undefined && /\.[cm]?[jt]s$/.test(found) ? [found] : []
}

/** The package of a bare specifier: `@scope/name/part` is of `@scope/name`. */
function packageOf(specifier: string): string | undefined {
  if (/^[./#]|^[a-z]+:/.test(specifier) || isBuiltin(specifier)) return undefined
  return /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0]
}

/** A package may load itself by its own name. */
function nameOfPackage(root: string, file: string): unknown {
  const owner = upTo(root, dirname(file)).find(folder => existsSync(join(folder, 'package.json')))
  if (owner === undefined) return undefined
  return (JSON.parse(readFileSync(join(owner, 'package.json'), 'utf8')) as { name?: unknown }).name
}

/** The folder of the release whose `node_modules` has the package, as Node finds it from `from`. */
function holderOf(root: string, from: string, name: string): string | undefined {
  return upTo(root, from).find(folder => existsSync(join(folder, 'node_modules', name)))
}

function foundAbove(root: string, name: string): boolean {
  const above: string[] = []
  for (let at = dirname(root); at !== dirname(at); at = dirname(at)) above.push(at)
  return above.some(folder => existsSync(join(folder, 'node_modules', name)))
}

/** A folder and those above it, up to the release's own. */
function upTo(root: string, folder: string): string[] {
  const found: string[] = []
  for (let at = folder; at === root || at.startsWith(root + sep); at = dirname(at)) found.push(at)
  return found
}
