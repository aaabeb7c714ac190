import { ToolError } from '../../outcome/errors.ts'
import type { GitHub } from '../../integrations/github/github.ts'
import { openGitHub } from '../../integrations/github/open-github.ts'
import { skip, warn, type CheckContext, type Finding } from '../check.ts'
import { findGitHub, isOnGitHub, type GitHubPlace } from './github-place.ts'

const answerMs = 15_000

/**
 * Asks GitHub about the commit that is to be deployed. Where it cannot be asked, or does not let the token see the answer,
 * that is said: in a run of GitHub Actions as a warning, since no other check has looked at the code.
 */
export async function askGitHub(
  context: CheckContext,
  ask: (github: GitHub, place: GitHubPlace) => Promise<Finding>,
): Promise<Finding> {
  const place = await findGitHub(context)
  if (typeof place === 'string') {
    if (!isOnGitHub(context)) return skip(`${place}; tests, lint and audit are run here instead`)
    return warn(`GitHub was not asked: ${place}`, permissions)
  }
  const { clock, signal } = context
  const github = openGitHub({ ...place, clock, signal, timeoutMs: answerMs })
  try {
    return await ask(github, place)
  } catch (error) {
    if (error instanceof ToolError && error.code === 403) return warn(error.message, permissions)
    throw error
  } finally {
    github.close()
  }
}

const permissions =
  'Give the job the permissions actions: read, checks: read, contents: read, pull-requests: read and statuses: read, and the step github-token: ${{ github.token }}.'

/** A commit as people write it. */
export function shortCommit(commit: string): string {
  return commit.slice(0, 7)
}
