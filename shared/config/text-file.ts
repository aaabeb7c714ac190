import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { InputError, messageOf } from '../outcome/errors.ts'

/** A file that a user wrote and this suite reads as text. */
export interface TextFile {
  /** The input or key that names the file, for error messages: `env-file`. */
  input: string
  /** The repository's root. */
  root: string
  /** Path relative to `root`. */
  file: string
  /** What to do when there is no such file. */
  missing: string
}

/** The text of a file, without its byte order mark. */
export interface Text {
  text: string
  /** The file began with a byte order mark of UTF-8 (EF BB BF). */
  marked: boolean
}

/**
 * Reads a file that has to be UTF-8.
 * @throws InputError when it cannot be read, or is in another encoding: with the encoding, the line of the first byte
 * that is wrong where the rest is readable, and the command that converts it. No byte of the content is shown.
 */
export function readTextFile({ input, root, file, missing }: TextFile): Text {
  return decodeText(`${input}: ${file}`, file, readBytes({ input, root, file, missing }))
}

/** Most bytes of a file that is read as text: far above the largest manifests. */
const mostBytes = 64 * 1024 * 1024

function readBytes({ input, root, file, missing }: TextFile): Buffer {
  try {
    const bytes = readFileSync(resolve(root, file))
    if (bytes.length <= mostBytes) return bytes
  } catch (cause) {
    throw new InputError(`${input}: ${file} cannot be read${whyUnreadable(cause)}`, {
      hint: remedyOf(cause, file, missing),
      cause,
    })
  }
  throw new InputError(
    `${input}: ${file} has more than ${mostBytes / 1024 / 1024} MiB, which is no text file`,
    {
      hint: `Set ${input} to the file that is meant.`,
    },
  )
}

function whyUnreadable(cause: unknown): string {
  switch (codeOf(cause)) {
    case 'ENOENT':
      return ': there is no such file'
    case 'ENOTDIR':
      return ': a part of its path is no folder'
    case 'EISDIR':
      return ': it is a folder'
    case 'EACCES':
    case 'EPERM':
      return ': this user has no right to read it'
    default:
      return `: ${messageOf(cause)}`
  }
}

function remedyOf(cause: unknown, file: string, missing: string): string {
  switch (codeOf(cause)) {
    case 'EISDIR':
      return `Name a file instead of the folder ${file}.`
    case 'EACCES':
    case 'EPERM':
      return `Give this user the right to read it (ls -l ${file} shows who has it), or run the command as its owner.`
    default:
      return missing
  }
}

function codeOf(cause: unknown): unknown {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
}

/**
 * The text of bytes that have to be UTF-8.
 * @param where the file after the input that names it, for error messages
 * @param file its path, for the command that converts it
 * @throws InputError as `readTextFile`
 */
export function decodeText(where: string, file: string, bytes: Uint8Array): Text {
  const wide = wideEncoding(bytes)
  if (wide !== undefined)
    throw new InputError(`${where} is ${wide.name}; accepted: UTF-8`, { hint: conversion(file, wide.iconv) })
  const nul = bytes.indexOf(0)
  if (nul >= 0)
    throw new InputError(
      `${where}:${lineAt(bytes, nul)} has a NUL byte, which no text has; accepted: UTF-8`,
      {
        hint: `Write ${file} anew as text: it is a binary file, or was damaged (od -c ${file} shows the byte).`,
      },
    )
  const marked = startsWith(bytes, [0xef, 0xbb, 0xbf])
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), marked }
  } catch {
    const at = firstInvalid(bytes)
    const byte = `0x${(bytes[at] ?? 0).toString(16)}`
    throw new InputError(
      `${where}:${lineAt(bytes, at)} is not UTF-8: byte ${byte} is no part of a character, as in a file of ${narrow(bytes).name}; accepted: UTF-8`,
      { hint: conversion(file, narrow(bytes).iconv) },
    )
  }
}

interface Encoding {
  /** For people. */
  name: string
  /** As `iconv -f` takes it. */
  iconv: string
}

/** Encodings with two or four bytes a character: by the byte order mark, else by where the zero bytes of ASCII text are. */
function wideEncoding(bytes: Uint8Array): Encoding | undefined {
  const marks: [number[], string, string][] = [
    [[0xff, 0xfe, 0, 0], 'UTF-32 (little-endian)', 'UTF-32'],
    [[0, 0, 0xfe, 0xff], 'UTF-32 (big-endian)', 'UTF-32'],
    [[0xff, 0xfe], 'UTF-16 (little-endian)', 'UTF-16'],
    [[0xfe, 0xff], 'UTF-16 (big-endian)', 'UTF-16'],
  ]
  const found = marks.find(([mark]) => startsWith(bytes, mark))
  if (found) return { name: found[1], iconv: found[2] }
  const share = (remainder: number, of: number) => zeroShare(bytes, remainder, of)
  const zeroIn = (remainder: number, of: number) => share(remainder, of) > 0.7
  if (bytes.length < 4 || !bytes.includes(0)) return undefined
  const unmarked = (name: string, iconv: string) => ({ name: `${name}, without a byte order mark`, iconv })
  if (zeroIn(1, 4) && zeroIn(2, 4) && zeroIn(3, 4) && share(0, 4) < 0.1)
    return unmarked('UTF-32 (little-endian)', 'UTF-32LE')
  if (zeroIn(0, 4) && zeroIn(1, 4) && zeroIn(2, 4) && share(3, 4) < 0.1)
    return unmarked('UTF-32 (big-endian)', 'UTF-32BE')
  if (zeroIn(1, 2) && share(0, 2) < 0.1) return unmarked('UTF-16 (little-endian)', 'UTF-16LE')
  if (zeroIn(0, 2) && share(1, 2) < 0.1) return unmarked('UTF-16 (big-endian)', 'UTF-16BE')
  return undefined
}

/** The share, from 0 to 1, of zeros among the bytes whose index has this remainder. */
function zeroShare(bytes: Uint8Array, remainder: number, of: number): number {
  let [zeros, all] = [0, 0]
  for (let index = remainder; index < bytes.length; index += of, all++) if (bytes[index] === 0) zeros++
  return all === 0 ? 0 : zeros / all
}

/** Bytes from 0x80 to 0x9f are letters and quotes of Windows-1252, and control characters of Latin-1. */
function narrow(bytes: Uint8Array): Encoding {
  return bytes.some(byte => byte >= 0x80 && byte <= 0x9f)
    ? { name: 'Windows-1252', iconv: 'WINDOWS-1252' }
    : { name: 'Latin-1 (ISO 8859-1)', iconv: 'ISO-8859-1' }
}

/** The index of the first byte that begins no character of UTF-8. */
function firstInvalid(bytes: Uint8Array): number {
  // All up to `good` is the beginning of a valid text; all up to `bad` is not, or ends within a character.
  let [good, bad] = [0, bytes.length]
  while (bad - good > 1) {
    const middle = good + Math.ceil((bad - good) / 2)
    if (decodes(bytes.subarray(0, middle), 'beginning')) good = middle
    else bad = middle
  }
  // The character may have begun up to three bytes before the byte that does not continue it.
  const before = [bad - 1, bad - 2, bad - 3, bad - 4].find(
    end => end >= 0 && decodes(bytes.subarray(0, end), 'whole'),
  )
  return before ?? bad - 1
}

function decodes(bytes: Uint8Array, as: 'beginning' | 'whole'): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: as === 'beginning' })
    return true
  } catch {
    return false
  }
}

function lineAt(bytes: Uint8Array, index: number): number {
  let line = 1
  for (let at = 0; at < index; at++) if (bytes[at] === 0x0a) line++
  return line
}

function startsWith(bytes: Uint8Array, mark: number[]): boolean {
  return bytes.length >= mark.length && mark.every((byte, index) => bytes[index] === byte)
}

function conversion(file: string, from: string): string {
  return `Convert it: iconv -f ${from} -t UTF-8 ${file} > converted && cat converted > ${file} && rm converted; or save it as UTF-8 in the editor.`
}
