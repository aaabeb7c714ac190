import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import ts from 'typescript'

// The linter holds the arrows between rooms. Here those between files: each can be read after what it imports, to the end.

const root = join(import.meta.dirname, '../..')

/** Every file by the files that it imports: for values, for types, and only when it comes to it. */
function readImports(): Map<string, string[]> {
  const files = globSync('{actions,cli,script,shared,test}/**/*.ts', { cwd: root })
  const importsOf = (file: string) =>
    ts
      .preProcessFile(readFileSync(join(root, file), 'utf8'))
      .importedFiles.filter(({ fileName }) => fileName.startsWith('.'))
      .map(({ fileName }) => join(file, '..', fileName))
  return new Map(files.map(file => [file, importsOf(file)]))
}

/** Files that lead from one back to itself, as `a -> b -> a`: one circle, or none. */
function findCircle(imports: Map<string, string[]>): string[] {
  const ended = new Set<string>()
  const follow = (file: string, way: string[]): string[] => {
    if (way.includes(file)) return [[...way.slice(way.indexOf(file)), file].join(' -> ')]
    if (ended.has(file)) return []
    const [circle] = (imports.get(file) ?? []).flatMap(next => follow(next, [...way, file]))
    ended.add(file)
    return circle === undefined ? [] : [circle]
  }
  return [...imports.keys()].flatMap(file => follow(file, [])).slice(0, 1)
}

describe('imports', () => {
  const imports = readImports()

  test('run in no circle', () => {
    expect(findCircle(imports)).toEqual([])
  })

  test('of every kind are read', () => {
    // A value, a type, and what is loaded only when it is needed.
    expect(imports.get('shared/backup/verify/verify.ts')).toContain(
      'shared/backup/verify/start-temporary-server.ts',
    )
    expect(imports.get('shared/backup/storage/file-store.ts')).toContain('shared/backup/storage/store.ts')
    expect(imports.get('actions/main.ts')).toContain('actions/deploy/index.ts')
  })

  test('of a circle are named in their order', () => {
    const circle = new Map([
      ['a', ['b']],
      ['b', ['c', 'd']],
      ['c', []],
      ['d', ['c', 'b']],
    ])
    expect(findCircle(circle)).toEqual(['b -> d -> b'])
  })
})
