import { randomBytes } from 'node:crypto'
import { constants, createWriteStream } from 'node:fs'
import { link, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { messageOf, ToolError } from '../../outcome/errors.ts'
import type { Store } from './store.ts'

/** Backups in a folder of this machine: files of mode 600 in folders of mode 700. */
export function openFileStore(folder: string): Store {
  const uri = pathToFileURL(folder).href
  return {
    uri,

    async put(key, body, { signal }) {
      const file = join(folder, key)
      // Beside its place, so that it can be linked in; the leading dot keeps it out of every listing.
      const draft = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.part`)
      try {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 })
        const sink = createWriteStream(draft, { flags: 'wx', mode: 0o600, flush: true })
        await pipeline(body, sink, { signal })
        // Unlike a rename, a link never replaces what another run put there meanwhile.
        await link(draft, file)
        await rm(draft)
        await syncFolder(dirname(file))
      } catch (error) {
        body.destroy()
        await rm(draft, { force: true })
        signal.throwIfAborted()
        throw isSystemError(error) ? storeError(uri, 'write', error) : error
      }
    },

    async get(key) {
      try {
        // Neither a link out of the folder nor a pipe, at which a read would wait for ever.
        const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
        const handle = await open(join(folder, key), flags)
        if ((await handle.stat()).isFile()) return handle.createReadStream({ highWaterMark: 256 * 1024 })
        await handle.close()
        throw Object.assign(new Error('it is no regular file'), { code: 'EISDIR' })
      } catch (error) {
        throw storeError(`${uri}/${key}`, 'read', error)
      }
    },

    async list() {
      try {
        const entries = await readdir(folder, { recursive: true, withFileTypes: true })
        return entries
          .filter(entry => entry.isFile() && !entry.name.startsWith('.'))
          .map(entry => keyOf(join(entry.parentPath, entry.name)))
          .sort()
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
        throw storeError(uri, 'list', error)
      }
    },

    async remove(keys) {
      try {
        for (const key of keys) await rm(join(folder, key), { force: true })
      } catch (error) {
        throw storeError(uri, 'remove from', error)
      }
    },

    async removeAbandoned(mine, before) {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
      for (const { name, parentPath } of entries) {
        const meant = /^\.(.+)\.[0-9a-f]{12}\.part$/.exec(name)?.[1]
        if (meant === undefined || !mine(keyOf(join(parentPath, meant)))) continue
        const draft = join(parentPath, name)
        if ((await stat(draft)).mtimeMs < before) await rm(draft, { force: true })
      }
    },
  }

  function keyOf(path: string): string {
    return relative(folder, path).replaceAll(sep, '/')
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isSystemError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'syscall' in error
}

function storeError(what: string, verb: string, error: unknown): ToolError {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const hints: Record<string, string> = {
    ENOSPC: 'Free space on that disk, or choose another destination.',
    EACCES: 'Give this user the right to it, or choose another destination.',
    EROFS: 'That disk is mounted read-only: choose another destination.',
    ENOENT: 'Look at what is there; the name may be misspelt.',
    EEXIST: 'Another run wrote a backup in the same second. Run this again.',
  }
  return new ToolError(`Could not ${verb} ${what}: ${messageOf(error)}`, {
    // What is wrong with one file, and not with the folder, keeps no other backup from being found.
    tool:
      verb === 'read' && ['EACCES', 'EISDIR', 'ELOOP', 'ENOENT'].includes(code)
        ? 'backup store'
        : 'file store',
    hint: hints[code] ?? 'Look at the folder and its disk.',
    cause: error,
  })
}
