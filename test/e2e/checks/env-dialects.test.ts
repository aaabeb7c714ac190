import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'dotenv'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scanEnvLines } from '../../../shared/config/env-file/env-lines.ts'

// What the findings on env-files claim, held against the programs themselves: dotenv, Node and a shell.

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'env-dialects-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const variables = { PATH: process.env['PATH'] ?? '', HOME: '/nowhere' }
const show = 'process.stdout.write(JSON.stringify(process.env.V ?? null))'

/** The value of V as each program has it; undefined when it does not get that far. */
function readings(text: string): { dotenv: unknown; node: unknown; shell: unknown } {
  const file = join(folder, 'a.env')
  writeFileSync(file, text)
  const run = (program: string, args: string[]): unknown => {
    const { status, stdout, stderr } = spawnSync(program, args, { env: variables, encoding: 'utf8' })
    return status === 0 && stderr === '' ? JSON.parse(stdout) : undefined
  }
  return {
    dotenv: parse(text)['V'],
    node: run(process.execPath, [`--env-file=${file}`, '-e', show]),
    shell: run('sh', ['-c', 'set -a; . "$1"; exec "$2" -e "$3"', 'sh', file, process.execPath, show]),
  }
}

const different = [
  'V="{\\"a\\":1}"',
  'V="C:\\new\\report"',
  'V="pa\\$sword"',
  'V="pa\\`sword"',
  'V="DOMAIN\\\\user"',
  'V="C:\\dir\\"',
  "V='it\\'s'",
  'V=C:\\new\\report',
  'V=one\\\nW=1',
  'W=1\nV=$W',
  'W=1\nV="${W}"',
  'V=${X:-d}',
  'V=${X:?t}',
  'V=pa$$word',
  'V=$(echo hi)',
  'V="`echo hi`"',
  'V=`echo hi`',
  'V=12#34',
  'V={"a":1}',
  'V="a"b',
  'V="it',
]

const alike = [
  `V='{"type":"service_account","key":"a\\nb"}'`,
  "V='C:\\new\\report'",
  "V='pa$$w`ord$(x)${Y}'",
  'V="5 $"',
  'V=money$',
  'V="plain # text"',
  'V=postgres://me:se%23cret@db:5432/app?sslmode=require',
  'V="two\nlines"',
  'V=',
]

describe('a finding is there where programs differ', () => {
  test.each(different)('%j', text => {
    const { dotenv, node, shell } = readings(text)
    expect(new Set([dotenv, node, shell]).size).toBeGreaterThan(1)
    expect(scanEnvLines(text).faults).toContainEqual(expect.objectContaining({ key: 'V' }))
  })
})

describe('and none where they agree', () => {
  test.each(alike)('%j', text => {
    const { dotenv, node, shell } = readings(text)
    expect([node, shell]).toEqual([dotenv, dotenv])
    expect(scanEnvLines(text).faults).toEqual([])
  })
})
