import { indent, jobOf, recoverySteps, restoringPermissions, silentEnvironment } from './workflow-blocks.ts'
import type { PlannedEnvironment, WorkflowPlan } from './workflow-plan.ts'

const hours = 6
/** Days that a month of the stated cost has. */
const days = 30

/** The text of `recover.yml`: at intervals, what a run left whose recovery job did not run either is finished or undone. */
export function recoverWorkflow({ publication, server, environments }: WorkflowPlan): string {
  const minutes = (24 / hours) * days * environments.length
  const job = (environment: PlannedEnvironment) => `${jobOf(environment)}:
  runs-on: ${environment.runner}
  timeout-minutes: 60
  ${silentEnvironment(server, `${environment.name}-recovery`)}
${indent(2, restoringPermissions(environment))}
  steps:
${indent(4, recoverySteps(publication, environment))}`
  return `# Finishes or undoes what a run left whose recovery job did not run either. Where nothing is unfinished it changes nothing.
#
# It looks every ${hours} hours. GitHub bills each job in whole minutes: ${minutes} minutes a month in a private repository, none in a public
# one. GitHub starts schedules late, and stops them in a public repository that had no activity for 60 days. To look more
# often, run \`runbook settle ENVIRONMENT\` from a timer on a machine near the service instead.
name: recover

on:
  schedule:
    - cron: '23 */${hours} * * *'
  workflow_dispatch:

permissions: {}

concurrency:
  group: recover
  cancel-in-progress: false

jobs:
${environments.map(environment => indent(2, job(environment))).join('\n\n')}
`
}
