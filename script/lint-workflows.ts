import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { LabError } from '../test/lab/lab-error.ts'
import { lintWorkflows, provideLinters } from './workflow-linters.ts'

// The linters of workflows on the sources: what is published, this repository's own CI, and every action.yml.

const root = join(import.meta.dirname, '..')
const yamlIn = (folder: string) =>
  readdirSync(join(root, folder))
    .filter(name => /\.ya?ml$/.test(name))
    .map(name => join(folder, name))
const actions = readdirSync(join(root, 'actions'))
  .map(name => join('actions', name, 'action.yml'))
  .filter(file => existsSync(join(root, file)))
const files = [...yamlIn('workflows'), ...yamlIn('.github/workflows'), 'action.yml', ...actions]

try {
  const linters = await provideLinters(text => console.error(`   ${text}`))
  const findings = await lintWorkflows(linters, root, files)
  for (const { linter, file, line, rule, message } of findings)
    console.error(`${file}:${line}: ${message} (${linter} ${rule})`)
  if (findings.length > 0) process.exitCode = 1
} catch (error) {
  if (!(error instanceof LabError)) throw error
  console.error(`lint-workflows: ${error.message}\n${error.hint}`)
  process.exitCode = 4
}
