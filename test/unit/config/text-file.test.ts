import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InputError } from '../../../shared/outcome/errors.ts'
import { readEnvFile, readReleaseEnvFile } from '../../../shared/config/env-file/env-file.ts'
import { loadEnvironment } from '../../../shared/config/load.ts'
import { readTextFile } from '../../../shared/config/text-file.ts'
import { loadSuite } from '../../../shared/smoke/suite.ts'
import { readFolder } from '../../../shared/targets/kubernetes/manifests/manifests.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'text-file-'))
})
afterEach(() => rmSync(root, { recursive: true }))

function refused(work: () => unknown): { message: string; hint: string } {
  try {
    work()
  } catch (error) {
    if (error instanceof InputError) return { message: error.message, hint: error.hint }
    throw error
  }
  throw new Error('it was accepted')
}

const utf16 = (text: string) => Buffer.from(text, 'utf16le')
const swapped = (bytes: Buffer) => Buffer.from(bytes).swap16()
const utf32 = (text: string) =>
  Buffer.concat(
    Array.from(text, each => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32LE(each.codePointAt(0) ?? 0)
      return bytes
    }),
  )
const text = 'GREETING=hello\r\nDATABASE_URL=postgresql://me:pw@db/app\r\n'

describe('an encoding that is not UTF-8 is named with the command that converts it', () => {
  test.each([
    ['UTF-16 (little-endian)', 'UTF-16', utf16(`\ufeff${text}`)],
    ['UTF-16 (big-endian)', 'UTF-16', swapped(utf16(`\ufeff${text}`))],
    ['UTF-16 (little-endian), without a byte order mark', 'UTF-16LE', utf16(text)],
    ['UTF-16 (big-endian), without a byte order mark', 'UTF-16BE', swapped(utf16(text))],
    ['UTF-32 (little-endian)', 'UTF-32', utf32(`\ufeff${text}`)],
    ['UTF-32 (big-endian)', 'UTF-32', utf32(`\ufeff${text}`).swap32()],
    ['UTF-32 (little-endian), without a byte order mark', 'UTF-32LE', utf32(text)],
    ['UTF-32 (big-endian), without a byte order mark', 'UTF-32BE', utf32(text).swap32()],
  ])('%s', (name, iconv, bytes) => {
    writeFileSync(join(root, 'live.env'), bytes)
    expect(refused(() => readEnvFile(root, 'live.env'))).toEqual({
      message: `env-file: live.env is ${name}; accepted: UTF-8`,
      hint: expect.stringContaining(`iconv -f ${iconv} -t UTF-8 live.env`),
    })
  })

  test.each([
    [
      'Latin-1 (ISO 8859-1)',
      'ISO-8859-1',
      Buffer.from('A=1\nGREETING=Gr\u00fc\u00dfe\n', 'latin1'),
      2,
      '0xfc',
    ],
    ['Latin-1 (ISO 8859-1)', 'ISO-8859-1', Buffer.from('A=caf\u00e9 au lait\n', 'latin1'), 1, '0xe9'],
    ['Latin-1 (ISO 8859-1)', 'ISO-8859-1', Buffer.from('A=\u00fc\u00df\nB=caf\u00e9', 'latin1'), 1, '0xfc'],
    ['Latin-1 (ISO 8859-1)', 'ISO-8859-1', Buffer.from('A=ok\nB=caf\u00e9', 'latin1'), 2, '0xe9'],
    ['Windows-1252', 'WINDOWS-1252', Buffer.from([0x41, 0x3d, 0x93, 0x78, 0x94]), 1, '0x93'],
  ])('%s, with its line', (name, iconv, bytes, line, byte) => {
    writeFileSync(join(root, 'live.env'), bytes)
    const { message, hint } = refused(() => readEnvFile(root, 'live.env'))
    expect(message).toContain(`live.env:${line} is not UTF-8: byte ${byte} `)
    expect(message).toContain(name)
    expect(hint).toContain(`iconv -f ${iconv} -t UTF-8 live.env`)
  })

  test('a NUL byte, with its line', () => {
    writeFileSync(join(root, 'live.env'), 'A=1\nB=x\0y\nC=2\n')
    expect(refused(() => readEnvFile(root, 'live.env')).message).toBe(
      'env-file: live.env:2 has a NUL byte, which no text has; accepted: UTF-8',
    )
  })

  test('every file that is read as text is read by the same rule', () => {
    for (const name of ['runbook.yml', 'smoke.yml', 'deployment.yaml'])
      writeFileSync(join(root, name), utf16('\ufeffservice: orders\n'))
    const wrong = [
      () => loadEnvironment({ root, config: 'runbook.yml', environment: 'live', overrides: {} }),
      () => loadSuite(root, 'smoke.yml'),
      () => readFolder(root, 'deployment.yaml'),
    ].map(work => refused(work).message)
    expect(wrong).toEqual([
      'config: runbook.yml is UTF-16 (little-endian); accepted: UTF-8',
      'suite: smoke.yml is UTF-16 (little-endian); accepted: UTF-8',
      'manifests: deployment.yaml is UTF-16 (little-endian); accepted: UTF-8',
    ])
  })
})

test('UTF-8 is read as it is, and a byte order mark is no part of it', () => {
  writeFileSync(join(root, 'a.env'), '\ufeffGREETING=Gr\u00fc\u00dfe \u{1f600}\n')
  expect(readEnvFile(root, 'a.env')).toEqual({ GREETING: 'Gr\u00fc\u00dfe \u{1f600}' })
  expect(readTextFile({ input: 'x', root, file: 'a.env', missing: '' }).marked).toBe(true)
})

test('what is no file, or none that may be read, is refused with the reason', () => {
  mkdirSync(join(root, 'folder'))
  expect(refused(() => readEnvFile(root, 'folder')).message).toBe(
    'env-file: folder cannot be read: it is a folder',
  )
  expect(refused(() => readEnvFile(root, 'none.env'))).toEqual({
    message: 'env-file: none.env cannot be read: there is no such file',
    hint: expect.stringContaining('copy none.env.example'),
  })
  expect(refused(() => readEnvFile(root, 'folder/x/y')).message).toContain('there is no such file')
})

describe('an env-file that assigns nothing is refused', () => {
  test.each([
    ['', 'is empty'],
    ['\n\n', 'is empty'],
    ['# only a comment\n', 'assigns nothing'],
    ['{ "GREETING": "hello" }', 'is JSON'],
    ['{\n  "GREETING": "hello"\n}\n', 'is JSON'],
    ['just words\n', 'assigns nothing'],
  ])('%j', (content, why) => {
    writeFileSync(join(root, 'a.env'), content)
    expect(refused(() => readEnvFile(root, 'a.env')).message).toContain(`env-file: a.env ${why}`)
  })

  test('a release is refused for each line that would not reach the service', () => {
    writeFileSync(join(root, 'a.env'), 'A=1\nhidden words\nB=2\nmore words\n')
    const { message } = refused(() => readReleaseEnvFile(root, 'a.env'))
    expect(message).toBe(
      'env-file: a.env:2 is not KEY=value, and 1 more such line: the service would not get it',
    )
    expect(readEnvFile(root, 'a.env')).toEqual({ A: '1', B: '2' })
  })
})
