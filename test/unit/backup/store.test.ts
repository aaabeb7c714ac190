import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { InputError } from '../../../shared/outcome/errors.ts'
import { openFileStore } from '../../../shared/backup/storage/file-store.ts'
import { openStore } from '../../../shared/backup/storage/open-store.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'store-'))
})
afterEach(() => rm(folder, { recursive: true }))

const signal = new AbortController().signal
const options = { expectedBytes: 10, signal }

test.each([
  ['file:///var/backups/', 'file:///var/backups'],
  ['s3://bucket-1/some/prefix/', 's3://bucket-1/some/prefix'],
  ['s3://bucket-1', 's3://bucket-1'],
])('%s is a destination', async (destination, uri) => {
  expect((await openStore('destination', destination, {})).uri).toBe(uri)
})

test.each([
  '',
  '/var/backups',
  'file://host/dir',
  'file:///',
  's3://',
  's3://B',
  's3://bucket/../other',
  'ftp://x/y',
  'file:///%00',
  'file:///%zz',
])('%j is none', async destination => {
  await expect(openStore('destination', destination, {})).rejects.toThrow(InputError)
})

test('a file is there when all of it is, for its owner alone', async () => {
  const store = openFileStore(join(folder, 'new'))
  await store.put('a/b.dump', Readable.from([Buffer.from('hello')]), options)
  expect(await readFile(join(folder, 'new/a/b.dump'), 'utf8')).toBe('hello')
  expect((await stat(join(folder, 'new/a/b.dump'))).mode & 0o777).toBe(0o600)
  expect(await store.list(signal)).toEqual(['a/b.dump'])
  expect(await text(await store.get('a/b.dump', signal))).toBe('hello')
})

test('a stream that fails leaves nothing', async () => {
  const store = openFileStore(folder)
  const body = Readable.from(
    (async function* () {
      yield Buffer.from('half')
      await new Promise(setImmediate)
      throw new Error('the program died')
    })(),
  )
  await expect(store.put('a/b.dump', body, options)).rejects.toThrow('the program died')
  expect(await readdir(join(folder, 'a'))).toEqual([])
})

test('an aborted write leaves nothing', async () => {
  const store = openFileStore(folder)
  const cancel = new AbortController()
  const body = Readable.from(
    (async function* () {
      yield Buffer.from('half')
      cancel.abort(new Error('cancelled'))
      await new Promise(setImmediate)
      yield Buffer.from('the rest')
    })(),
  )
  await expect(store.put('a/b.dump', body, { ...options, signal: cancel.signal })).rejects.toThrow(
    'cancelled',
  )
  expect(await readdir(join(folder, 'a'))).toEqual([])
})

test('what is there is never replaced', async () => {
  const store = openFileStore(folder)
  await store.put('b.dump', Readable.from([Buffer.from('first')]), options)
  await expect(store.put('b.dump', Readable.from([Buffer.from('second')]), options)).rejects.toThrow('EEXIST')
  expect(await readFile(join(folder, 'b.dump'), 'utf8')).toBe('first')
  expect(await readdir(folder)).toEqual(['b.dump'])
})

test('a folder that is not there has no backups', async () => {
  expect(await openFileStore(join(folder, 'none')).list(signal)).toEqual([])
})

test('drafts that a killed run has left go when they are old, and only ours', async () => {
  const store = openFileStore(folder)
  const draft = (name: string) => join(folder, `.${name}.0123456789ab.part`)
  for (const name of ['old', 'young', 'foreign']) await writeFile(draft(name), '')
  await utimes(draft('old'), 1, 1)
  await utimes(draft('foreign'), 1, 1)
  await store.removeAbandoned(key => key !== 'foreign', Date.now() - 60_000, signal)
  expect((await readdir(folder)).sort()).toEqual(['.foreign.0123456789ab.part', '.young.0123456789ab.part'])
})
