import type { Check, CheckContext, Finding } from '../../../shared/checks/check.ts'
import { resolveChecks } from '../../../shared/config/checks.ts'
import { environmentAt } from '../../e2e/gate/ports.ts'
import type { GitHubStandIn, StandInCommit } from '../../lab/github.ts'
import { contextOf } from './context.ts'

/** The commit that the run is for. */
export const sha = '6dcb09b5b57875f334f61aebed695e2e4193db5e'
/** Address of the run that asks. */
export const ownRun = 'https://github.com/org/runbook-api/actions/runs/42'

/**
 * What one check of a run of GitHub Actions finds out about a commit.
 * @param code what the runbook has under checks.code
 */
export function checkOn(
  github: GitHubStandIn,
  which: Check,
  commit: StandInCommit,
  code: object = {},
  said: Partial<CheckContext> = {},
): Promise<Finding> {
  github.commits.set(sha, commit)
  const environment = environmentAt('', { checks: resolveChecks(key => key, { code }) })
  return which.run(
    contextOf(environment, {
      env: { GITHUB_ACTIONS: 'true', GITHUB_API_URL: github.apiUrl, GITHUB_REPOSITORY: github.repository },
      run: { ...contextOf({}).run, sha, url: ownRun },
      githubToken: github.token,
      ...said,
    }),
  )
}
