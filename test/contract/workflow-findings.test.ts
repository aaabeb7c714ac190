import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { lintWorkflows, provideLinters, type WorkflowLinters } from '../../script/workflow-linters.ts'

// actionlint and zizmor on the published tree. script/lint runs them on the sources.

// The first time, one of them is compiled.
jest.setTimeout(400_000)

const tree = join(import.meta.dirname, '../../build/tree')
const work = mkdtempSync(join(tmpdir(), 'workflow-linters-'))
let linters: WorkflowLinters

beforeAll(async () => {
  linters = await provideLinters(text => process.stderr.write(`${text}\n`))
})
afterAll(() => rmSync(work, { recursive: true }))

function publishedFiles(): string[] {
  const workflows = readdirSync(join(tree, '.github/workflows')).map(name => `.github/workflows/${name}`)
  const actions = readdirSync(tree).map(name => join(name, 'action.yml'))
  return [...workflows, 'action.yml', ...actions.filter(file => existsSync(join(tree, file)))]
}

test('nothing is found in the published tree', async () => {
  const files = publishedFiles()
  expect(files.length).toBeGreaterThan(10)
  expect(await lintWorkflows(linters, tree, files)).toEqual([])
})

test('every call of a workflow or an action passes what that takes, and reads the outputs that it has', async () => {
  // As if all were in one repository: actionlint then reads what is called.
  const files = publishedFiles()
  cpSync(tree, work, { recursive: true })
  for (const file of files) {
    const text = readFileSync(join(tree, file), 'utf8')
    writeFileSync(join(work, file), text.replaceAll(/(uses: )org\/runbook-actions\/?(\S*)@\S+/g, '$1./$2'))
  }
  // Its own root is where it finds `.git`.
  mkdirSync(join(work, '.git'))
  const findings = await lintWorkflows(linters, work, files)
  expect(findings.filter(({ linter }) => linter === 'actionlint')).toEqual([])
})

test('what is wrong is found by both', async () => {
  const file = '.github/workflows/wrong.yml'
  mkdirSync(join(work, dirname(file)), { recursive: true })
  writeFileSync(
    join(work, file),
    `name: wrong
on: pull_request_target
permissions: {}
jobs:
  test:
    name: test
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
      - run: echo \${{ steps.missing.outputs.a }} \${{ github.event.pull_request.title }}
`,
  )
  const rules = (await lintWorkflows(linters, work, [file])).map(({ linter, rule }) => `${linter} ${rule}`)
  expect(rules).toEqual(
    expect.arrayContaining([
      'actionlint expression',
      'zizmor template-injection',
      'zizmor dangerous-triggers',
      'zizmor unpinned-uses',
    ]),
  )
})
