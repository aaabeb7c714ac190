import { afterAll, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brokenLinks, markdownIn } from './links.ts'

// The tree that a release tag holds, as it lies in build/tree, and as an organisation publishes it that demands full SHAs.

const root = join(import.meta.dirname, '../..')
const tree = join(root, 'build/tree')
const work = mkdtempSync(join(tmpdir(), 'tree-'))
afterAll(() => rmSync(work, { recursive: true }))

test.each([
  ['the sources', root],
  ['the published tree', tree],
])('every link in a document of %s leads to a file, and to a heading that is there', (_what, folder) => {
  const documents = markdownIn(folder)
  expect(documents).toContain('README.md')
  expect(documents.flatMap(document => brokenLinks(folder, document))).toEqual([])
})

test('the published tree carries the documents for its users', () => {
  expect(existsSync(join(tree, 'docs/troubleshooting.md'))).toBe(true)
  expect(existsSync(join(tree, 'docs/architecture.md'))).toBe(false)
  expect(existsSync(join(tree, 'deployment/k8s/access/role.yaml'))).toBe(true)
})

describe('a release whose inner references are pinned to a commit', () => {
  const repository = 'org/own-copy'
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], {
      cwd: work,
      encoding: 'utf8',
    }).trim()
  const commit = (...options: string[]) => {
    execFileSync(process.execPath, [join(root, 'script/assemble.ts'), join(work, 'tree'), ...options], {
      stdio: 'pipe',
    })
    git('add', '--all')
    git('commit', '--quiet', '--message', 'release')
    return git('rev-parse', 'HEAD')
  }

  test('takes two commits: every reference of the second leads to a file of the first', () => {
    git('init', '--quiet')
    const first = commit('--repository', repository, '--ref', 'v1.2.3')
    commit('--repository', repository, '--ref', first)
    const workflows = join(work, 'tree/.github/workflows')
    const references = readdirSync(workflows).flatMap(file =>
      [...readFileSync(join(workflows, file), 'utf8').matchAll(/^\s*-?\s*uses: (\S+)/gm)].map(
        each => each[1] ?? '',
      ),
    )
    const own = references.filter(each => each.startsWith(`${repository}/`))
    expect(own.length).toBeGreaterThan(10)
    expect(references.filter(each => !/@[0-9a-f]{40}$/.test(each))).toEqual([])
    expect(references.filter(each => each.startsWith('org/runbook-actions'))).toEqual([])
    for (const each of new Set(own)) {
      const [, path = '', ref = ''] = /^[^/]+\/[^/]+\/(.+)@(.+)$/.exec(each) ?? []
      expect(ref).toBe(first)
      const file = path.endsWith('.yml') ? path : `${path}/action.yml`
      expect(git('cat-file', '-t', `${first}:tree/${file}`)).toBe('blob')
    }
    const changed = git('diff', '--name-only', 'HEAD~1').split('\n')
    // The command writes workflows that name the commit.
    expect(changed.filter(file => !/\.(yml|md)$/.test(file))).toEqual(['tree/bin/runbook.js'])
    expect(changed.filter(file => file.endsWith('action.yml'))).toEqual([])
  })

  test.each([
    [['--ref', 'main'], '--ref main is no tag like v1.2.3 and no full commit SHA'],
    [['--ref', '0123abc'], '--ref 0123abc is no tag like v1.2.3 and no full commit SHA'],
    [['--repository', 'org'], '--repository org is not OWNER/NAME'],
  ])('%j is refused', (options, message) => {
    expect(() => commit(...options)).toThrow(message)
  })
})
