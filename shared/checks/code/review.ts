import { checksOf } from '../../config/checks.ts'
import type { ReviewedPullRequest } from '../../integrations/github/github.ts'
import { askGitHub, shortCommit } from './ask-github.ts'
import { fail, pass, warn, type Check, type Finding } from '../check.ts'

/** A second person has looked at what is deployed: the guide's code review. */
export const review: Check = {
  id: 'review',
  title: 'The commit came by a pull request that was approved',
  deadlineMs: 60_000,
  inapplicable: environment =>
    checksOf(environment).code.approvals === 0
      ? 'the runbook asks for no approval (checks.code.approvals)'
      : '',
  run: context =>
    askGitHub(context, async (github, { commit }) =>
      judgeReviews(await github.pullRequestsOf(commit), checksOf(context.environment).code.approvals, commit),
    ),
}

/**
 * Of several pull requests with a commit, one that was merged and approved is enough.
 * @param wanted how many approvals
 * @param commit full SHA
 */
function judgeReviews(pulls: ReviewedPullRequest[], wanted: number, commit: string): Finding {
  if (pulls.length === 0)
    return fail(
      `${shortCommit(commit)} came without a pull request`,
      'Open one with this commit and have it approved. A hotfix that cannot wait: add review to accept, with its reason.',
    )
  const order = ['pass', 'warn', 'fail', 'skip']
  const findings = pulls.map(pull => judgePull(pull, wanted, commit))
  return findings.toSorted((a, b) => order.indexOf(a.result) - order.indexOf(b.result))[0] ?? fail('', '')
}

function judgePull(
  { number, head, mergeCommit, opinions, url }: ReviewedPullRequest,
  wanted: number,
  commit: string,
): Finding {
  // Reviewers approve the state at the head. Any other commit of the branch may contain what was taken out again before.
  if (commit !== mergeCommit && commit !== head) {
    const reviewed = mergeCommit ?? head
    return fail(
      `#${number} contains ${shortCommit(commit)}, but was reviewed at ${shortCommit(head)}${mergeCommit === undefined ? '' : ` and merged as ${shortCommit(mergeCommit)}`}`,
      `Deploy ${shortCommit(reviewed)}, which is what was reviewed, or a later merge: ${url}`,
    )
  }
  const who = (verdict: string) => opinions.filter(each => each.verdict === verdict)
  const [against, approvals] = [who('changes-requested'), who('approved')]
  const people = (list: typeof opinions) => list.map(({ reviewer }) => reviewer).join(', ')
  if (against.length > 0)
    return fail(`#${number}: ${people(against)} asks for changes`, `Settle it with them: ${url}`)
  if (approvals.length < wanted)
    return fail(
      `#${number}: ${approvals.length} of ${wanted} approvals`,
      `Have it approved by a person with write access to the repository, other than its author: ${url}`,
    )
  const seen = `#${number}: approved by ${people(approvals)}`
  const ofLast = approvals.filter(({ isOfLastCommit }) => isOfLastCommit)
  if (ofLast.length < wanted) {
    const how = ofLast.length === 0 ? '' : `all but ${people(ofLast)} `
    return warn(`${seen}, ${how}before its last commit`, `Have the last commit looked at, too: ${url}`)
  }
  if (mergeCommit === undefined)
    return warn(`${seen}, and not merged`, `Merge it, and deploy what was merged: ${url}`)
  return pass(seen)
}
