import { stringify } from 'yaml'
import type { Server } from './repository.ts'
import { prefixed, type PlannedEnvironment, type Publication } from './workflow-plan.ts'

/** An expression that GitHub evaluates. */
export function given(expression: string): string {
  return `\${{ ${expression} }}`
}

/** A name as a scalar of YAML, quoted where YAML would read something else than that text. */
export function scalar(text: string): string {
  return stringify(text, { lineWidth: 0 }).trimEnd()
}

/** @param path of an action below the repository; empty for the action at its root */
export function uses({ repository, ref }: Publication, path = ''): string {
  return `${repository}${path === '' ? '' : `/${path}`}@${ref}`
}

/** The id of the job of an environment, where the name is none, or another job has it. */
export function jobOf({ name }: PlannedEnvironment): string {
  return /^[a-z]/.test(name) && scalar(name) === name && name !== 'build' ? name : `environment-${name}`
}

/**
 * The `environment` of a job that files no deployment, where the server can do without: every job that names an environment files
 * one by default, a recovery that found nothing and a dry run too, and GitHub shows the commit of that job as live.
 */
export function silentEnvironment(server: Server, name: string): string {
  return server === 'github.com'
    ? `environment: { name: ${scalar(name)}, deployment: false }`
    : `environment: ${scalar(name)}`
}

/** Every line, but for empty ones, moved to the right by `columns`. */
export function indent(columns: number, text: string): string {
  return text.replaceAll(/^(?=.)/gm, ' '.repeat(columns))
}

/** The step that checks the repository out, as an item of `steps`. */
export const checkout = `- name: Check out
  uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
  with:
    persist-credentials: false`

/** A secret of the GitHub environment, else the repository's own with the prefix of the environment. */
export function secretOf(environment: string, secret: string): string {
  return given(`secrets.${secret} || secrets.${prefixed(environment, secret)}`)
}

/** The `env` of a step: the secrets that it reads, and the token of the run. */
function credentials({ name, secrets }: PlannedEnvironment): string {
  return [
    'env:',
    ...secrets.own.map(each => `  ${each}: ${secretOf(name, each)}`),
    ...secrets.shared.map(each => `  ${each}: ${given(`secrets.${each}`)}`),
    ...(secrets.registry === '' ? [] : [`  RUNBOOK_REGISTRY: ${secrets.registry}`]),
    `  GITHUB_TOKEN: ${given('github.token')}`,
  ].join('\n')
}

/** A step that calls an action with the credentials of an environment, as an item of `steps`. */
export function call(
  step: { title: string; action: string; with: Record<string, string> },
  environment: PlannedEnvironment,
): string {
  return [
    `- name: ${step.title}`,
    `  uses: ${step.action}`,
    indent(2, credentials(environment)),
    '  with:',
    ...Object.entries(step.with).map(([input, value]) => `    ${input}: ${value}`),
  ].join('\n')
}

/** What a job that rolls back or recovers may do with the token of the run. */
export function restoringPermissions({ recordsDeployments, takesImage }: PlannedEnvironment): string {
  return [
    'permissions:',
    '  contents: read',
    ...(recordsDeployments ? ['  deployments: write'] : []),
    ...(takesImage ? ['  packages: read'] : []),
  ].join('\n')
}

/** The steps of a job that recovers an environment. */
export function recoverySteps(publication: Publication, environment: PlannedEnvironment): string {
  const inputs = { environment: scalar(environment.name), settle: 'true' }
  return `${checkout}\n${call({ title: 'Recover', action: uses(publication, 'rollback'), with: inputs }, environment)}`
}
