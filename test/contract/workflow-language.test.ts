import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { validate } from '@actions/languageservice'
import type { ActionReference } from '@actions/languageservice/action'
import { expect, test } from '@jest/globals'
import { TextDocument } from 'vscode-languageserver-textdocument'
import { parse } from 'yaml'

// GitHub's own parser and language service on every workflow: schema, expressions and the contexts that each place has, inputs
// and secrets of the workflows and actions that are called.

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** Where the sources have a file of the published tree. */
const sourceOf = (path: string) => path.replace(/^\.github\/workflows\//, 'workflows/')

const files = ['workflows', '.github/workflows'].flatMap(folder =>
  readdirSync(join(root, folder)).map(name => `${folder}/${name}`),
)

async function problemsOf(file: string, text: string): Promise<string[]> {
  const document = TextDocument.create(`file:///.github/workflows/${file}`, 'yaml', 1, text)
  const problems = await validate(document, {
    fileProvider: {
      getFileContent: ref => Promise.resolve({ name: ref.path, content: read(sourceOf(ref.path)) }),
    },
    actionsMetadataProvider: { fetchActionMetadata: action => Promise.resolve(ownAction(action)) },
  })
  return problems
    .map(({ range, message }) => ({ line: range.start.line + 1, text: textOf(message) }))
    .filter(({ text: problem }) => !foreignAction.test(problem))
    .map(({ line, text: problem }) => `${file}:${line}: ${problem}`)
}

const textOf = (message: string | { value: string }) =>
  typeof message === 'string' ? message : message.value

/** An action of another repository, which is not here to be read. */
const foreignAction = /^Unable to resolve action `(?!org\/)/

function ownAction({ owner, path }: ActionReference) {
  const file = path ? `actions/${path}/action.yml` : 'action.yml'
  if (owner !== 'org' || !existsSync(join(root, file))) return undefined
  return parse(read(file)) as { name: string; description: string }
}

test.each(files)('%s', async file => {
  expect(await problemsOf(file, read(file))).toEqual([])
})

test('what GitHub refuses is found', async () => {
  const text = `on: push
jobs:
  release:
    permissions: {}
    uses: org/runbook-actions/.github/workflows/promote.yml@v1
    with: { environment: staging, version: v1, imag: x }
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: org/runbook-actions/deploi@v1
      - uses: org/runbook-actions/deploy@v1
        with: { environment: staging, versio: v1 }
      - run: echo \${{ input.version }}
`
  expect((await problemsOf('wrong.yml', text)).toSorted()).toEqual([
    'wrong.yml:10: Unable to resolve action `org/runbook-actions/deploi@v1`, repository or version not found',
    "wrong.yml:12: Invalid action input 'versio'",
    "wrong.yml:13: Unrecognized named-value: 'input'",
    'wrong.yml:6: Invalid input, imag is not defined in the referenced workflow.',
  ])
})
