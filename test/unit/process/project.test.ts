import { describe, expect, test } from '@jest/globals'
import { InputError } from '../../../shared/outcome/errors.ts'
import { planProject } from '../../../shared/targets/process/source/project.ts'

type Tree = Record<string, string | object>

const plan = (tree: Tree, source: string) =>
  planProject(
    {
      has: path => path in tree,
      read: path => {
        const content = tree[path]
        return Promise.resolve(typeof content === 'object' ? JSON.stringify(content) : content)
      },
    },
    source,
  )

async function refused(tree: Tree, source: string): Promise<{ message: string; hint: string }> {
  const error: unknown = await plan(tree, source).catch((thrown: unknown) => thrown)
  if (!(error instanceof InputError)) throw new Error(`it was accepted: ${JSON.stringify(error)}`)
  return { message: error.message, hint: error.hint }
}

const express = { dependencies: { express: '^5.0.0' } }

describe('a source with its own lock file is installed from it', () => {
  test.each([
    ['package-lock.json', '', 'npm'],
    ['npm-shrinkwrap.json', '', 'npm'],
    ['yarn.lock', '# yarn lockfile v1\n', 'yarn-classic'],
    ['yarn.lock', '__metadata:\n  version: 8\n', 'yarn-berry'],
    ['pnpm-lock.yaml', '', 'pnpm'],
    ['bun.lock', '', 'bun'],
    ['bun.lockb', '', 'bun'],
  ])('%s %j: %s', async (name, text, manager) => {
    expect(await plan({ 'api/package.json': express, [`api/${name}`]: text }, 'api')).toEqual({
      exported: 'api',
      within: '',
      install: { lock: { name, manager }, folder: '', pnpmWorkspace: false },
    })
  })

  test('of several, the one that packageManager names', async () => {
    const locks = { 'package-lock.json': '{}', 'pnpm-lock.yaml': '' }
    const named = await plan({ 'package.json': { ...express, packageManager: 'pnpm@10.4.1' }, ...locks }, '')
    const unnamed = await plan({ 'package.json': express, ...locks }, '')
    expect([named, unnamed].map(({ install }) => install?.lock.manager)).toEqual(['pnpm', 'npm'])
  })
})

describe('a package of a workspace is released with the whole workspace', () => {
  const member = { name: '@shop/orders', dependencies: { '@shop/greeting': '1.0.0' } }

  test.each([
    [{ workspaces: ['packages/*'] }, 'package-lock.json', {}],
    [{ workspaces: ['**'] }, 'yarn.lock', {}],
    [{ workspaces: { packages: ['./packages/orders/'] } }, 'bun.lock', {}],
    [{}, 'pnpm-lock.yaml', { 'pnpm-workspace.yaml': 'packages:\n  - "packages/*"\n  - "!packages/old"\n' }],
  ])('%j, %s', async (root, lock, more) => {
    const tree = { 'package.json': root, [lock]: '', 'packages/orders/package.json': member, ...more }
    expect(await plan(tree, 'packages/orders')).toMatchObject({
      exported: '',
      within: 'packages/orders',
      install: { lock: { name: lock }, folder: '', pnpmWorkspace: lock === 'pnpm-lock.yaml' },
    })
  })

  test('also where the workspace is a folder of the repository', async () => {
    const tree = {
      'shop/package.json': { workspaces: ['apps/*'] },
      'shop/package-lock.json': '',
      'shop/apps/api/package.json': member,
    }
    expect(await plan(tree, 'shop/apps/api')).toMatchObject({ exported: 'shop', within: 'apps/api' })
  })

  test.each([[['apps/*']], [['packages/*', '!packages/orders']], [['packages']]])(
    'not one that %j does not list',
    async workspaces => {
      const tree = {
        'package.json': { workspaces },
        'package-lock.json': '',
        'packages/orders/package.json': member,
      }
      expect((await refused(tree, 'packages/orders')).message).toContain(
        'packages/orders/package.json has dependencies (@shop/greeting), and package-lock.json is not their lock file: no workspace there lists packages/orders',
      )
    },
  )
})

test('packages that it depends on by path go along, and those that they depend on', async () => {
  const tree = {
    'apps/api/package.json': { dependencies: { greeting: 'file:../../packages/greeting' } },
    'apps/api/yarn.lock': '# yarn lockfile v1\n',
    'packages/greeting/package.json': { dependencies: { words: 'link:../../words' } },
    'words/package.json': {},
  }
  expect(await plan(tree, 'apps/api')).toMatchObject({
    exported: '',
    within: 'apps/api',
    install: { folder: 'apps/api' },
  })
  const beyond = { ...tree, 'words/package.json': { dependencies: { far: 'file:../../elsewhere' } } }
  expect((await refused(beyond, 'apps/api')).message).toContain(
    'words/package.json depends on far by file:../../elsewhere, which is outside the repository',
  )
})

test('dependencies without any lock file are refused, with what to do', async () => {
  expect(await refused({ 'api/package.json': express }, 'api')).toEqual({
    message: expect.stringMatching(
      /^source: api\/package\.json has dependencies \(express\), and there is no lock file to install them from; accepted: .*package-lock\.json/,
    ),
    hint: expect.stringContaining('npm install --package-lock-only in api'),
  })
  const optional = { 'package.json': { optionalDependencies: { fsevents: '2' } } }
  expect((await refused(optional, '')).message).toContain('(fsevents)')
})

test('a script of a package above it is released with that package', async () => {
  const tree = { 'package.json': express, 'package-lock.json': '', 'server/main.js': '' }
  expect(await plan(tree, 'server')).toMatchObject({
    exported: '',
    within: 'server',
    install: { folder: '' },
  })
})

test('what depends on nothing is released as it is', async () => {
  const alone = { exported: 'service', within: '', install: undefined }
  expect(await plan({ 'service/main.js': '' }, 'service')).toEqual(alone)
  expect(await plan({ 'service/package.json': { type: 'module' } }, 'service')).toEqual(alone)
  const tools = { 'package.json': { devDependencies: { jest: '30' } }, 'package-lock.json': '' }
  expect(await plan({ ...tools, 'service/main.js': '' }, 'service')).toEqual(alone)
})

test('a package.json that cannot be read is named', async () => {
  expect((await refused({ 'api/package.json': '{' }, 'api')).message).toBe(
    'source: api/package.json is not JSON',
  )
})
