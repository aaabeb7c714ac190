import { before } from '../../../outcome/strip.ts'

/** One file of an archive. */
export interface ArchivedFile {
  /** Relative, with forward slashes; at most 100 characters. */
  path: string
  content: Buffer
}

const block = 512

/** A POSIX (ustar) archive of small files that only root can read, in folders that are made as needed. */
export function packTar(files: ArchivedFile[]): Buffer {
  const folders = new Set(files.flatMap(({ path }) => parents(path)))
  const parts = [
    ...[...folders].sort().map(path => header(`${path}/`, 0, '5', 0o700)),
    ...files.flatMap(({ path, content }) => [header(path, content.length, '0', 0o600), padded(content)]),
    Buffer.alloc(2 * block),
  ]
  return Buffer.concat(parts)
}

/** The plain files of an archive; what else is in it is passed over. A cut archive gives the files before the cut. */
export function unpackTar(archive: Buffer): ArchivedFile[] {
  const files: ArchivedFile[] = []
  for (let at = 0; at + block <= archive.length;) {
    const head = archive.subarray(at, at + block)
    const path = text(head, 0, 100)
    if (path === '') break
    const size = Number.parseInt(text(head, 124, 12), 8)
    const end = at + block + size
    // A size below 0 would lead back to where the archive was read already.
    if (!(size >= 0) || end > archive.length) break
    if (['0', '\0', ''].includes(String.fromCharCode(head[156] ?? 0)))
      files.push({ path, content: archive.subarray(at + block, end) })
    at = at + block + Math.ceil(size / block) * block
  }
  return files
}

function parents(path: string): string[] {
  const folders = path.split('/').slice(0, -1)
  return folders.map((_name, index) => folders.slice(0, index + 1).join('/'))
}

function header(path: string, size: number, type: '0' | '5', mode: number): Buffer {
  if (Buffer.byteLength(path) > 100) throw new Error(`${path} is too long for this archive`)
  const head = Buffer.alloc(block)
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`
  head.write(path, 0)
  head.write(octal(mode, 8), 100)
  head.write(octal(0, 8), 108)
  head.write(octal(0, 8), 116)
  head.write(octal(size, 12), 124)
  head.write(octal(0, 12), 136)
  head.write(' '.repeat(8), 148)
  head.write(type, 156)
  head.write('ustar\x0000', 257)
  const sum = head.reduce((total, byte) => total + byte, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return head
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((block - (content.length % block)) % block)])
}

function text(head: Buffer, from: number, length: number): string {
  return before(head.toString('utf8', from, from + length), '\0')
}
