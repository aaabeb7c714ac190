import { expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { reasons } from '../../shared/outcome/reasons.ts'

const fine = ['done', 'dry-run', 'already-serving', 'nothing-to-settle', 'settled-good', 'restored']
const page = readFileSync(join(import.meta.dirname, '../../docs/troubleshooting.md'), 'utf8')
const entries = [...page.matchAll(/^### `([a-z-]+)`$/gm)].map(match => match[1])

test('every way to fail has its entry, and every entry is a way to fail', () => {
  const expected = Object.keys(reasons).filter(reason => !fine.includes(reason))
  expect(entries.toSorted()).toEqual(expected.toSorted())
})
