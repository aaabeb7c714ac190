import { readFileSync, writeFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { loadAction, type ActionName } from '../actions/main.ts'
import { monitoringFiles } from '../shared/monitoring/files.ts'
import { loadEnvironment, runbookJsonSchema } from '../shared/runbook/load.ts'
import { commonOutputs, type Fields, type Outputs } from '../shared/steps/inputs.ts'

// Writes what is said twice from where it is said once: action.yml and the README tables from each action's fields, the
// runbook's schema for editors, and production's alerts and dashboards from its runbook. `--check` only says what is out of date.

const root = join(import.meta.dirname, '..')
const names: ActionName[] = [
  'pre-deploy-check',
  'backup-db',
  'restore-db',
  'deploy',
  'health-gate',
  'smoke-test',
  'rollback',
  'health-watch',
  'promote',
]
const check = process.argv.includes('--check')
let stale = 0

for (const name of names) {
  const { description, fields, outputs, post } = await loadAction(name)
  const all = { ...commonOutputs, ...outputs }
  keep(name === 'promote' ? 'action.yml' : join('actions', name, 'action.yml'), () =>
    actionYaml(name, description, fields, all, post !== undefined),
  )
  keep(join('actions', name, 'README.md'), current => withTables(current, name, description, fields, all))
}
keep('deployment/runbook.schema.json', () => `${JSON.stringify(runbookJsonSchema(), null, 2)}\n`)
const production = { root, config: 'deployment/runbook.yml', environment: 'production', overrides: {} }
for (const { path, text } of monitoringFiles(loadEnvironment(production))) keep(path, () => text)
process.exitCode = check && stale > 0 ? 1 : 0

function keep(path: string, make: (current: string) => string): void {
  const file = join(root, path)
  const current = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const wanted = make(current)
  if (wanted === current) return
  stale++
  console.log(check ? `${path} is out of date: run node script/describe.ts` : `${path} written`)
  if (!check) writeFileSync(file, wanted)
}

function actionYaml(
  name: string,
  description: string,
  fields: Fields,
  outputs: Outputs,
  hasPost: boolean,
): string {
  const inputs = Object.fromEntries(
    Object.entries(fields).map(([key, field]) => [
      key,
      {
        description: field.description,
        required: field.required,
        ...(field.default === '' ? {} : { default: field.default }),
      },
    ]),
  )
  const described = Object.fromEntries(
    Object.entries(outputs).map(([key, text]) => [key, { description: text }]),
  )
  const post = hasPost ? { post: 'dist/post.js', 'post-if': 'success()' } : {}
  const branding = { icon: 'check-circle', color: 'green' }
  return stringify(
    {
      name: `runbook ${name}`,
      description,
      branding,
      inputs,
      outputs: described,
      runs: { using: 'node24', main: 'dist/index.js', ...post },
    },
    { lineWidth: 0 },
  )
}

function withTables(
  current: string,
  name: string,
  description: string,
  fields: Fields,
  outputs: Outputs,
): string {
  const text = current || `# ${name}\n\n${description}\n\n<!-- tables -->\n<!-- /tables -->\n`
  const rows = Object.entries(fields).map(
    ([key, { description: what, required, default: standard, accepts }]) =>
      `| \`${key}\` | ${cell(what)} | ${cell(accepts)} | ${required ? '**required**' : standard && `\`${standard}\``} |`,
  )
  const tables = [
    '## Inputs',
    '',
    '| input | what it is | accepted | default |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    '## Outputs',
    '',
    '| output | what it is |',
    '| --- | --- |',
    ...Object.entries(outputs).map(([key, what]) => `| \`${key}\` | ${cell(what)} |`),
  ].join('\n')
  return text.replace(
    /<!-- tables -->[\s\S]*<!-- \/tables -->/,
    `<!-- tables -->\n${tables}\n<!-- /tables -->`,
  )
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
