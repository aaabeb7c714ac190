import { existsSync, lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { ToolError } from '../../../outcome/errors.ts'
import { askGit } from './git.ts'
import type { Context } from '../places.ts'

/** A file that a release is made of. */
export interface SourceFile {
  /** Relative to the source. */
  name: string
  path: string
  /** Where it points to, when it is a symbolic link. */
  link: string | undefined
}

/** What is never part of a release: what is installed into it, and the repository's own history. */
const leftOut = new Set(['node_modules', '.git'])
/** Where every step leaves its log and report. */
const logs = 'deployment/logs'

/**
 * The files of the source that a release is made of, in an order that is always the same: what git knows or would take
 * (what is ignored is made here, or a secret), or every file where there is no repository; never what this suite writes
 * itself.
 * @param folder of the source, absolute
 */
export async function listFiles(context: Context, folder: string): Promise<SourceFile[]> {
  const { places, environment } = context
  const own = [places.folder, join(environment.root, logs)]
  const kept = (path: string) =>
    !own.some(each => path === each || path.startsWith(`${each}/`)) &&
    !path
      .slice(folder.length)
      .split('/')
      .some(part => leftOut.has(part))
  const names = (await known(context, folder)) ?? ['']
  const files = names.flatMap(name => [...filesAt(folder, name, kept)])
  return files.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * Undefined where there is no repository.
 * @throws ToolError when there is one that git does not read: then it is not known what is ignored
 */
async function known(context: Context, folder: string): Promise<string[] | undefined> {
  const inside = await askGit(context, ['-C', folder, 'rev-parse', '--is-inside-work-tree'])
  if (inside === 'true') {
    const listing = ['-C', folder, 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
    return [...new Set((await askGit(context, listing)).split('\0'))].filter(name => name !== '')
  }
  const { root } = context.environment
  if (![root, folder].some(each => existsSync(join(each, '.git')))) return undefined
  throw new ToolError(`git does not read the repository ${root}`, {
    tool: 'git',
    reason: 'tool-failed',
    hint: `git -C ${root} status says why: git is missing, or the repository is another user's (git config --global --add safe.directory ${root}).`,
  })
}

/** A file, a link, or all in a folder: a repository within the repository is named as a whole. */
function* filesAt(folder: string, name: string, kept: (path: string) => boolean): Generator<SourceFile> {
  const path = join(folder, name)
  // Also one that git knows and that was deleted.
  const entry = lstatSync(path, { throwIfNoEntry: false })
  if (!entry || !kept(path)) return
  if (entry.isDirectory())
    for (const each of readdirSync(path)) yield* filesAt(folder, join(name, each), kept)
  else if (entry.isSymbolicLink()) yield { name, path, link: readlinkSync(path) }
  else if (entry.isFile()) yield { name, path, link: undefined }
}
