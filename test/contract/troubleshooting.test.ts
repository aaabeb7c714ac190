import { expect, test } from '@jest/globals'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { reasons } from '../../shared/outcome/reasons.ts'

const fine = ['done', 'dry-run', 'already-serving', 'nothing-to-settle', 'settled-good', 'restored']
const page = readFileSync(join(import.meta.dirname, '../../docs/troubleshooting.md'), 'utf8')
const entries = [...page.matchAll(/^### `([a-z-]+)`$/gm)].map(match => match[1])

test('every way to fail has its entry, and every entry is a way to fail', () => {
  const expected = Object.keys(reasons).filter(reason => !fine.includes(reason))
  expect(entries.toSorted()).toEqual(expected.toSorted())
})

test('every reason is one that some step really ends with', () => {
  const root = join(import.meta.dirname, '../..')
  const sources = globSync('shared/**/*.ts', { cwd: root }).filter(file => !file.endsWith('reasons.ts'))
  // A reason that is only compared with is not given by any step.
  const said = sources
    .map(file => readFileSync(join(root, file), 'utf8'))
    .join('\n')
    .replaceAll(/[!=]==\s*'[^']*'|includes\([^)]*\)/g, '')
  expect(Object.keys(reasons).filter(reason => !said.includes(`'${reason}'`))).toEqual([])
})
