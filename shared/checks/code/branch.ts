import type { Ancestry, GitHub } from '../../integrations/github/github.ts'
import { checksOf } from '../../config/checks.ts'
import { askGitHub, shortCommit } from './ask-github.ts'
import { fail, pass, type Check, type Finding } from '../check.ts'

/** What is deployed is part of a branch that the repository protects: a tag can be put on every commit. */
export const branch: Check = {
  id: 'branch',
  title: 'The commit is on the default branch, or on one that the runbook names',
  inapplicable: environment =>
    checksOf(environment).code.branches?.length === 0
      ? 'the runbook allows every branch (checks.code.branches)'
      : '',
  run: context =>
    askGitHub(context, async (github, { commit }) => {
      const named = checksOf(context.environment).code.branches
      return judgeBranches(await relate(github, commit, named ?? [await github.defaultBranch()]), commit)
    }),
}

interface Related {
  branch: string
  ancestry: Ancestry | undefined
}

function relate(github: GitHub, commit: string, branches: string[]): Promise<Related[]> {
  return Promise.all(
    branches.map(async name => ({ branch: name, ancestry: await github.ancestryOf(commit, name) })),
  )
}

/** @param commit full SHA */
function judgeBranches(related: Related[], commit: string): Finding {
  const on = related.find(({ ancestry }) => ancestry === 'identical' || ancestry === 'behind')
  if (on) return pass(`${shortCommit(commit)} is on ${on.branch}`)
  const missing = related.filter(({ ancestry }) => ancestry === undefined).map(each => each.branch)
  if (missing.length === related.length)
    return fail(
      `GitHub has no branch ${missing.join(', ')} with a commit ${shortCommit(commit)}`,
      'Push the commit, and correct checks.code.branches in the runbook when the name of the branch is wrong.',
    )
  return fail(
    `${shortCommit(commit)} is not on ${related.map(each => each.branch).join(', ')}`,
    'Merge it, and deploy the merged commit. Name further release branches under checks.code.branches of the runbook; a hotfix that cannot wait adds branch to accept, with its reason.',
  )
}
