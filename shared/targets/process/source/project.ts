import { posix } from 'node:path'
import { parse } from 'yaml'
import { InputError } from '../../../outcome/errors.ts'
import { before } from '../../../outcome/strip.ts'
import { chooseLockFile, lockFileNames, type LockFile } from './lock-files.ts'

/** The files that a release is made of, by path inside the repository: of a commit, or of the working tree. */
export interface Files {
  has(path: string): boolean
  /** Undefined when there is no such file. */
  read(path: string): Promise<string | undefined>
}

/** How a release is made of a repository so that it needs nothing outside its own folder. */
export interface Project {
  /** Folder of the repository that becomes the release; empty for the whole of it. Wider than the source in a workspace. */
  exported: string
  /** Where the source is inside the release; empty when it is the release. */
  within: string
  /** Undefined when the source has no dependencies. */
  install: Install | undefined
}

export interface Install {
  lock: LockFile
  /** Where the lock file is inside the release; empty for its root. */
  folder: string
  /** That folder is the root of a pnpm workspace. */
  pnpmWorkspace: boolean
}

interface Manifest {
  name?: unknown
  packageManager?: unknown
  dependencies?: unknown
  optionalDependencies?: unknown
  workspaces?: unknown
}

/**
 * Finds out what a source needs to run: its package.json, or the nearest above it; the lock file beside that, or of the
 * workspace that it belongs to; and the packages of the repository that it depends on by path.
 * @param source folder inside the repository; empty for the whole of it
 * @throws InputError when it has dependencies that cannot be installed as they were locked, or that are not in the repository
 */
export async function planProject(files: Files, source: string): Promise<Project> {
  const alone: Project = { exported: source, within: '', install: undefined }
  const owner = foldersUpFrom(source).find(folder => files.has(join(folder, 'package.json')))
  if (owner === undefined) return alone
  const manifest = (await readManifest(files, owner)) ?? {}
  const [needed] = Object.keys(dependenciesOf(manifest))
  if (owner !== source && needed === undefined) return alone
  const locked = await findLock(files, owner)
  if (!locked) {
    if (needed !== undefined) throw unlocked(owner, needed, await foreignLock(files, owner))
    return alone
  }
  const local = await localPackages(files, owner)
  const exported = commonFolder([source, owner, locked.folder, ...local])
  return {
    exported,
    within: inside(exported, source),
    install: {
      lock: locked.lock,
      folder: inside(exported, locked.folder),
      pnpmWorkspace: files.has(join(locked.folder, 'pnpm-workspace.yaml')),
    },
  }
}

/** The lock file beside a package, or that of a workspace above it which lists the package. */
async function findLock(
  files: Files,
  owner: string,
): Promise<{ folder: string; lock: LockFile } | undefined> {
  for (const folder of foldersUpFrom(owner)) {
    const lock = await lockIn(files, folder)
    if (lock && (folder === owner || (await listsPackage(files, folder, inside(folder, owner)))))
      return { folder, lock }
  }
  return undefined
}

/** A lock file above the package that does not list it, for the error. */
async function foreignLock(files: Files, owner: string): Promise<string | undefined> {
  for (const folder of foldersUpFrom(owner)) {
    const lock = await lockIn(files, folder)
    if (lock) return join(folder, lock.name)
  }
  return undefined
}

async function lockIn(files: Files, folder: string): Promise<LockFile | undefined> {
  const there = lockFileNames.filter(name => files.has(join(folder, name)))
  if (there.length === 0) return undefined
  const { packageManager } = (await readManifest(files, folder)) ?? {}
  const yarnLock = there.includes('yarn.lock') ? await files.read(join(folder, 'yarn.lock')) : undefined
  return chooseLockFile(there, typeof packageManager === 'string' ? packageManager : '', yarnLock ?? '')
}

/** Whether the workspace of a folder has a package: `workspaces` of package.json, `packages` of pnpm-workspace.yaml. */
async function listsPackage(files: Files, folder: string, path: string): Promise<boolean> {
  const { workspaces } = (await readManifest(files, folder)) ?? {}
  const ofNpm = Array.isArray(workspaces)
    ? workspaces
    : (workspaces as { packages?: unknown } | undefined)?.packages
  const patterns = [...strings(ofNpm), ...pnpmPackages(await files.read(join(folder, 'pnpm-workspace.yaml')))]
  const [not, yes] = [true, false].map(negative => patterns.filter(each => each.startsWith('!') === negative))
  const matches = (pattern: string) => globOf(pattern.replace(/^!/, '')).test(path)
  return (yes ?? []).some(matches) && !(not ?? []).some(matches)
}

function pnpmPackages(text: string | undefined): string[] {
  if (text === undefined) return []
  try {
    return strings((parse(text, { logLevel: 'error' }) as { packages?: unknown } | null)?.packages)
  } catch {
    return []
  }
}

/** `packages/*`, `apps/**`: `*` is one part of a path, `**` any number of them. */
function globOf(pattern: string): RegExp {
  const parts = posix.normalize(pattern).replace(/\/$/, '').split('/')
  const source = parts.map(part =>
    part === '**' ? '(?:[^/]+/)*[^/]+' : part.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*'),
  )
  return new RegExp(`^${source.join('/')}$`)
}

/** Folders of the packages, and of the archives, that a package depends on by path, and those that they depend on. */
async function localPackages(files: Files, owner: string): Promise<string[]> {
  const found = new Set<string>()
  const waiting = [owner]
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const manifest = await readManifest(files, folder)
    for (const [name, spec] of Object.entries(dependenciesOf(manifest ?? {}))) {
      const path = /^(?:file:|link:|portal:)(.*)$|^(\.{1,2}\/.*)$/.exec(spec)
      const relative = path?.[1] ?? path?.[2]
      if (relative === undefined) continue
      const target = posix.normalize(posix.join(folder, before(relative, '?#'))).replace(/\/$/, '')
      if (target.startsWith('..') || posix.isAbsolute(relative)) throw outside(folder, name, spec)
      const archive = /\.(tgz|tar\.gz|tar)$/.test(target)
      const place = archive ? posix.dirname(target) : target
      const at = place === '.' ? '' : place
      if (found.has(at)) continue
      found.add(at)
      if (!archive) waiting.push(at)
    }
  }
  return [...found]
}

function unlocked(owner: string, first: string, foreign: string | undefined): InputError {
  const at = join(owner, 'package.json')
  const why =
    foreign === undefined
      ? 'and there is no lock file to install them from'
      : `and ${foreign} is not their lock file: no workspace there lists ${owner}`
  return new InputError(
    `source: ${at} has dependencies (${first}), ${why}; accepted: ${lockFileNames.join(', ')} beside it, or of the workspace that lists it`,
    {
      hint: `Make one and commit it: npm install --package-lock-only${owner === '' ? '' : ` in ${owner}`} (or yarn, pnpm, bun install).`,
    },
  )
}

function outside(folder: string, name: string, spec: string): InputError {
  return new InputError(
    `source: ${join(folder, 'package.json')} depends on ${name} by ${spec}, which is outside the repository: no release could hold it`,
    { hint: `Move ${name} into the repository, or publish it and depend on its version.` },
  )
}

async function readManifest(files: Files, folder: string): Promise<Manifest | undefined> {
  const path = join(folder, 'package.json')
  const text = await files.read(path)
  if (text === undefined) return undefined
  try {
    return (JSON.parse(text.replace(/^\ufeff/, '')) ?? {}) as Manifest
  } catch {
    throw new InputError(`source: ${path} is not JSON`, { hint: `Fix ${path}, and commit it.` })
  }
}

function dependenciesOf({ dependencies, optionalDependencies }: Manifest): Record<string, string> {
  const all = Object.entries({ ...asObject(optionalDependencies), ...asObject(dependencies) })
  return Object.fromEntries(all.filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(each => typeof each === 'string') : []
}

/** A folder and those above it, up to the repository's root. */
function foldersUpFrom(folder: string): string[] {
  const parts = folder.split('/').filter(part => part !== '')
  return Array.from({ length: parts.length + 1 }, (_, up) => parts.slice(0, parts.length - up).join('/'))
}

function commonFolder(folders: string[]): string {
  const [first = [], ...others] = folders.map(each => each.split('/').filter(part => part !== ''))
  const length = others.reduce((most, parts) => Math.min(most, firstDifference(first, parts)), first.length)
  return first.slice(0, length).join('/')
}

function firstDifference(a: string[], b: string[]): number {
  const at = a.findIndex((part, index) => part !== b[index])
  return at < 0 ? a.length : at
}

function inside(folder: string, path: string): string {
  return folder === '' ? path : path.slice(folder.length + 1)
}

function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}
