import { readFileSync, writeFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { actionNames, loadAction } from '../actions/main.ts'
import { usualDeadlineMs } from '../shared/checks/check.ts'
import { parts } from '../shared/checks/registry.ts'
import { monitoringFiles } from '../shared/monitoring/files.ts'
import { loadEnvironment, runbookJsonSchema } from '../shared/config/load.ts'
import { suiteJsonSchema } from '../shared/smoke/suite.ts'
import { showDuration } from '../shared/config/values.ts'
import { commonOutputs, type Fields, type Outputs } from '../shared/commands/step/inputs.ts'

// Writes what is said twice from where it is said once: action.yml and the README tables from each action's fields, the
// schemas of runbooks and suites for editors, and production's alerts and dashboards from its runbook. `--check` only says what is out of date.

const root = join(import.meta.dirname, '..')
const check = process.argv.includes('--check')
let stale = 0

for (const name of actionNames) {
  const { description, fields, outputs, post } = await loadAction(name)
  const all = { ...commonOutputs, ...outputs }
  keep(name === 'promote' ? 'action.yml' : join('actions', name, 'action.yml'), () =>
    actionYaml(name, description, fields, all, post?.condition),
  )
  keep(join('actions', name, 'README.md'), current =>
    withParts(withTables(current, name, description, fields, all)),
  )
}
keep('deployment/runbook.schema.json', () => `${JSON.stringify(runbookJsonSchema(), null, 2)}\n`)
keep('deployment/smoke.schema.json', () => `${JSON.stringify(suiteJsonSchema(), null, 2)}\n`)
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
  postIf: string | undefined,
): string {
  const inputs = Object.fromEntries(
    Object.entries(fields).map(([key, field]) => [
      key,
      {
        description: field.description,
        required: field.required,
        ...(standardOf(field) === '' ? {} : { default: standardOf(field) }),
      },
    ]),
  )
  const described = Object.fromEntries(
    Object.entries(outputs).map(([key, text]) => [key, { description: text }]),
  )
  const post = postIf === undefined ? {} : { post: 'dist/post.js', 'post-if': postIf }
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
    ([key, field]) =>
      `| \`${key}\` | ${cell(field.description)} | ${cell(field.accepts)} | ${field.required ? '**required**' : standardOf(field) && `\`${standardOf(field)}\``} |`,
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

/** The checks, by the part of the guide's list that they answer, where a README has a place for them. */
function withParts(text: string): string {
  const rows = parts.flatMap(({ title, checks }) => [
    `| **${title}** | | |`,
    ...checks.map(
      each =>
        `| \`${each.id}\` | ${cell(each.title)} | ${showDuration(each.deadlineMs ?? usualDeadlineMs)} |`,
    ),
  ])
  const table = ['| check | passes when | at most |', '| --- | --- | --- |', ...rows].join('\n')
  return text.replace(
    /<!-- checks -->[\s\S]*<!-- \/checks -->/,
    `<!-- checks -->\n${table}\n<!-- /checks -->`,
  )
}

function standardOf({ actionDefault, default: standard }: Fields[string]): string {
  return actionDefault ?? standard
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
