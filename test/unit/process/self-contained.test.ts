import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findLacks } from '../../../shared/targets/process/source/self-contained.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'self-contained-'))
})
afterEach(() => rmSync(root, { recursive: true }))

function write(files: Record<string, string | object>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
}
const lacks = (within = '', start = 'main.js') => findLacks(join(root, 'releases/r1'), within, start)

test('a dependency that is not installed in the release is named, wherever else there is one', () => {
  write({
    'node_modules/greeting/index.js': '',
    'releases/r1/package.json': { dependencies: { greeting: '1', words: '1' } },
    'releases/r1/node_modules/words/index.js': '',
    'releases/r1/main.js': '',
  })
  expect(lacks()).toEqual([{ what: 'greeting', by: 'package.json' }])
})

test('a link of node_modules that leaves the release is named; one to a package of the release is not', () => {
  write({
    'packages/greeting/index.js': '',
    'releases/r1/packages/words/index.js': '',
    'releases/r1/packages/api/main.js': '',
    'releases/r1/node_modules/@shop/x/index.js': '',
  })
  symlinkSync('../../../../packages/greeting', join(root, 'releases/r1/node_modules/@shop/greeting'))
  symlinkSync('../../packages/words', join(root, 'releases/r1/node_modules/@shop/words'))
  expect(lacks('packages/api')).toEqual([{ what: '@shop/greeting', by: 'node_modules/@shop/greeting' }])
})

test('what the files of the release load at once and borrow from above is named, with the file', () => {
  write({
    'node_modules/borrowed/index.js': '',
    'node_modules/@shop/api/index.js': '',
    'releases/r1/package.json': { name: '@shop/api' },
    'releases/r1/node_modules/own/index.js': '',
    'releases/r1/main.js': [
      "import fs from 'node:fs'",
      "import own from 'own/part.js'",
      "import self from '@shop/api/part'",
      "export {\n  a,\n} from './lib/index.js'",
      "const nowhere = require('not-anywhere')",
    ].join('\n'),
    'releases/r1/lib/index.js': "const { b } = require('../b')\nif (x) {\n  require('borrowed')\n}\n",
    'releases/r1/b.cjs': "await import('./c.mjs')\n",
    'releases/r1/c.mjs': "import 'borrowed/sub'\nimport './main.js'\n",
  })
  expect(lacks()).toEqual([{ what: 'borrowed', by: 'c.mjs' }])
})

test('a release that has everything lacks nothing', () => {
  write({
    'node_modules/words/index.js': '',
    'releases/r1/package.json': { dependencies: { words: '1', a: '1' }, optionalDependencies: { a: '1' } },
    'releases/r1/node_modules/words/index.js': '',
    'releases/r1/main.js': "import words from 'words'\n",
  })
  expect(lacks()).toEqual([])
})
