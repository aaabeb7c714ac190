import { InputError } from '../../outcome/errors.ts'
import type { Environment } from '../../config/environment.ts'

/**
 * Refuses a Docker environment without an engine of its own on a machine that GitHub removes after the job: the release would
 * be gone with it, and a recovery job, on the next machine, would find an empty engine and report that nothing is unfinished.
 * @param env of the step: RUNNER_ENVIRONMENT is `github-hosted` there, and `self-hosted` on other runners
 * @throws InputError
 */
export function requireEngine(
  { target, name }: Pick<Environment, 'target' | 'name'>,
  env: Record<string, string | undefined>,
): void {
  if (target.kind !== 'docker' || env['RUNNER_ENVIRONMENT'] !== 'github-hosted') return
  if (target.host || env['DOCKER_HOST'] || env['DOCKER_CONTEXT']) return
  throw InputError.of(
    'DOCKER_HOST',
    undefined,
    'the Docker engine that the environment runs on, like ssh://deploy@staging.example.com',
    `Set the secret DOCKER_HOST of ${name}, or host of its target in the runbook. The engine of this runner is removed with it.`,
  )
}
