import { linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { readFileWithin } from '../../../host/within-limit.ts'

/** Only their owner reads what may hold secrets. */
const mode = 0o600

/** Writes a file whole or not at all, whatever ends this process. */
export function writeWhole(file: string, text: string): void {
  const draft = draftOf(file, text)
  renameSync(draft, file)
}

/** The same for a file that must not be there yet. @returns false when it is: of all who try, one succeeds */
export function writeFirst(file: string, text: string): boolean {
  const draft = draftOf(file, text)
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Ledgers and records have some KB. */
const mostBytes = 16 * 2 ** 20

/**
 * A file's text; undefined when it is not there.
 * @throws ToolError when it is larger than 16 MiB, or no regular file: what runs under this user may have put it there
 */
export function readIfThere(file: string): string | undefined {
  try {
    return readFileWithin(file, { what: file, mostBytes }).toString('utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function draftOf(file: string, text: string): string {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${process.pid}.draft`
  writeFileSync(draft, text, { mode })
  return draft
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
