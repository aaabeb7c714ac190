import {
  call,
  checkout,
  given,
  indent,
  jobOf,
  restoringPermissions,
  scalar,
  silentEnvironment,
  uses,
} from './workflow-blocks.ts'
import type { PlannedEnvironment, WorkflowPlan } from './workflow-plan.ts'

/** The text of `rollback.yml`: an environment is rolled back when a person starts the workflow. */
export function rollbackWorkflow({ publication, server, environments }: WorkflowPlan): string {
  const names = environments.map(({ name }) => scalar(name))
  const inputs = ['to', 'dry-run', 'because'].map(name => [name, given(`inputs.${name}`)])
  const job = (environment: PlannedEnvironment) => `${jobOf(environment)}:
  if: ${given(`inputs.environment == '${environment.name}'`)}
  runs-on: ${environment.runner}
  timeout-minutes: 60
  ${silentEnvironment(server, environment.name)}
${indent(2, restoringPermissions(environment))}
  steps:
${indent(4, checkout)}
${indent(4, call({ title: 'Roll back', action: uses(publication, 'rollback'), with: { environment: scalar(environment.name), ...(Object.fromEntries(inputs) as Record<string, string>) } }, environment))}`
  return `# Rolls an environment back to an earlier release, configuration included, and tests what is live then.
# On GitHub: Actions, rollback, "Run workflow". At a terminal:
#   gh workflow run rollback.yml -f environment=${environments.at(-1)?.name ?? ''} -f dry-run=true
name: rollback

on:
  workflow_dispatch:
    inputs:
      environment:
        description: Environment to roll back.
        type: choice
        options: [${names.join(', ')}]
        required: true
      to:
        description: Version (v1.2.3) or release id (r3). Default, the last good release before the current one.
        type: string
      dry-run:
        description: Show what would be restored, and change nothing.
        type: boolean
        default: false
      because:
        description: Why, for the history.
        type: string

permissions: {}

jobs:
${environments.map(environment => indent(2, job(environment))).join('\n\n')}
`
}
