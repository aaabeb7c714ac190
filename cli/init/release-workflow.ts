import {
  call,
  checkout,
  given,
  indent,
  jobOf,
  recoverySteps,
  restoringPermissions,
  scalar,
  secretOf,
  silentEnvironment,
  uses,
} from './workflow-blocks.ts'
import { prefixed, registrySecrets, type PlannedEnvironment, type WorkflowPlan } from './workflow-plan.ts'

/**
 * The text of `release.yml`: one build, then each environment in its order, in jobs of the repository's own, because GitHub
 * gives the secrets of an environment to no other. Each has a recovery job, for when the runner of the first one dies.
 */
export function releaseWorkflow(plan: WorkflowPlan): string {
  const { environments } = plan
  const builds = environments.some(({ takesImage }) => takesImage)
  const jobs = environments.flatMap((environment, at) => [
    releaseJob(plan, environment, environments[at - 1]),
    recoveryJob(plan, environment),
  ])
  return `# Releases a tag like v1.2.3: ${[...(builds ? ['one build'] : []), ...environments.map(({ name }) => name)].join(', then ')}. A pre-release (v1.3.0-rc.1) stops at ${environments[0]?.name ?? ''}.
# Whatever ends a job early, its environment runs the new release, which passed its gate, or the last good one.
#
# The secrets lie in GitHub environments (Settings, Environments). Each environment has a second one for the recovery job,
# with the same secrets and without reviewers: an approval must not delay a restore. A repository without GitHub environments
# has them with a prefix: ${example(plan)}.
#
${listSecrets(plan)}
#
# A hotfix that must pass a check which fails is released by hand, with a reason that is recorded:
#   gh workflow run release.yml --ref v1.2.4 -f accept='review: incident 4711'
name: release

on:
  push:
    tags: ['v*']
  workflow_dispatch:
    inputs:
      accept:
        description: Checks that may fail, each on a line with its reason.
        type: string

permissions: {}

# Of one tag, one run at a time. Runs of different tags are ordered by the lock of each environment, which drops none.
concurrency:
  group: release-${given('github.ref')}
  cancel-in-progress: false
${
  builds
    ? `
env:
  # Repository of the image, with the host of its registry, in lower case.
  IMAGE: ${plan.image}
`
    : ''
}
jobs:
${[...(builds ? [buildJob(plan)] : []), ...jobs].map(job => indent(2, job)).join('\n\n')}
`
}

function example({ environments }: WorkflowPlan): string {
  const owner = environments.find(({ secrets }) => secrets.own.length > 0)
  return owner ? prefixed(owner.name, owner.secrets.own[0] ?? '') : prefixed('staging', 'ENV_FILE')
}

/** Which secrets are set where. */
function listSecrets({ environments }: WorkflowPlan): string {
  const shared = [...new Set(environments.flatMap(({ secrets }) => secrets.shared))]
  return [
    ...environments.map(
      ({ name, secrets, signsBackups }) =>
        `#   ${name}, ${name}-recovery: ${[...secrets.own, ...(signsBackups ? ['BACKUP_SIGNING_KEY'] : [])].join(', ') || 'none'}`,
    ),
    ...(shared.length > 0 ? [`#   the repository: ${shared.join(', ')}`] : []),
  ].join('\n')
}

function buildJob({ publication, dockerfile, image, environments }: WorkflowPlan): string {
  const login = [
    ...registrySecrets(image).map(name => `${name}: ${given(`secrets.${name}`)}`),
    `GITHUB_TOKEN: ${given('github.token')}`,
  ]
  const first = environments.find(({ takesImage }) => takesImage)?.name ?? ''
  return `build:
  runs-on: ubuntu-latest
  timeout-minutes: 60
  permissions:
    contents: read
    packages: write
  outputs:
    # Only the digest: GitHub drops an output that contains a secret, and the name of an image may contain the registry's user.
    digest: ${given('steps.build.outputs.digest')}
  steps:
${indent(4, checkout)}
    # A second run of the tag takes the image that is there: it may be deployed already.
    - name: Build the image, or take that of an earlier run
      id: build
      uses: ${uses(publication, 'build-image')}
      env:
${indent(8, login.join('\n'))}
      with:
        environment: ${scalar(first)}
        image: ${given('env.IMAGE')}
        dockerfile: ${dockerfile}`
}

function releaseJob(
  { publication, server, environments }: WorkflowPlan,
  environment: PlannedEnvironment,
  previous: PlannedEnvironment | undefined,
): string {
  const builds = environments.some(({ takesImage }) => takesImage)
  const title = 'Check, back up, deploy, gate and test; roll back otherwise'
  const image = `${given('env.IMAGE')}@${given('needs.build.outputs.digest')}`
  const inputs = {
    environment: scalar(environment.name),
    version: given('github.ref_name'),
    ...(environment.takesImage ? { image } : {}),
    accept: given('inputs.accept'),
    ...(environment.signsBackups ? { 'signing-key': secretOf(environment.name, 'BACKUP_SIGNING_KEY') } : {}),
  }
  const needs = [...(builds ? ['build'] : []), ...(previous ? [jobOf(previous)] : [])]
  return [
    `${jobOf(environment)}:`,
    ...(needs.length > 0 ? [`  needs: [${needs.join(', ')}]`] : []),
    ...(previous ? [`  if: ${given("!contains(github.ref_name, '-')")}`] : []),
    `  runs-on: ${environment.runner}`,
    '  timeout-minutes: 120',
    // Where the suite tells GitHub what is live, a deployment of the job's own would be a second one.
    indent(
      2,
      environment.recordsDeployments
        ? silentEnvironment(server, environment.name)
        : `environment: ${scalar(environment.name)}`,
    ),
    '  permissions:',
    '    actions: read',
    '    checks: read',
    '    contents: read',
    ...(environment.recordsDeployments ? ['    deployments: write'] : []),
    ...(environment.takesImage ? ['    packages: read'] : []),
    '    pull-requests: read',
    '    statuses: read',
    '  steps:',
    indent(4, checkout),
    indent(4, call({ title, action: uses(publication), with: inputs }, environment)),
  ].join('\n')
}

function recoveryJob({ publication, server }: WorkflowPlan, environment: PlannedEnvironment): string {
  const job = jobOf(environment)
  return `# For a runner that died: finishes or undoes what it left, from the release history and what is live alone.
${job}-recovery:
  needs: ${job}
  if: ${given(`always() && (needs.${job}.result == 'failure' || needs.${job}.result == 'cancelled')`)}
  runs-on: ${environment.runner}
  timeout-minutes: 60
  ${silentEnvironment(server, `${environment.name}-recovery`)}
${indent(2, restoringPermissions(environment))}
  steps:
${indent(4, recoverySteps(publication, environment))}`
}
