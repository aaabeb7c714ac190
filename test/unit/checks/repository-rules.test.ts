import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { branch } from '../../../shared/checks/code/branch.ts'
import type { Check, CheckContext } from '../../../shared/checks/check.ts'
import { githubEnvironments } from '../../../shared/checks/code/github-environments.ts'
import { review } from '../../../shared/checks/code/review.ts'
import { resolveChecks } from '../../../shared/config/checks.ts'
import { environmentAt } from '../../e2e/gate/ports.ts'
import type { StandInEnvironment } from '../../lab/contracts/github-repository.ts'
import { startGitHub, type GitHubStandIn, type StandInCommit, type StandInPull } from '../../lab/github.ts'
import { checkOn, sha } from './on-github.ts'

let github: GitHubStandIn
const check = (which: Check, commit: StandInCommit, code: object = {}, said: Partial<CheckContext> = {}) =>
  checkOn(github, which, commit, code, said)

beforeAll(async () => {
  github = await startGitHub()
  for (const login of ['ada', 'bob', 'eve']) github.repositoryState.permissions.set(login, 'write')
})
afterAll(async () => {
  await github.stop()
  expect(github.complaints).toEqual([])
})

describe('the check of the review', () => {
  const pull = (...reviews: [user: string, state: string, commit?: string][]): StandInPull => ({
    number: 7,
    author: 'ada',
    head: sha,
    merged: true,
    reviews: reviews.map(([user, state, commit = sha]) => ({ user, state, commit })),
  })
  const reviewed = (...reviews: Parameters<typeof pull>): StandInCommit => ({ pulls: [pull(...reviews)] })

  test.each<[string, StandInCommit, string, string]>([
    ['an approval', reviewed(['bob', 'APPROVED']), 'pass', '#7: approved by bob'],
    [
      'a later approval',
      reviewed(['bob', 'CHANGES_REQUESTED'], ['bob', 'APPROVED']),
      'pass',
      '#7: approved by bob',
    ],
    [
      'one of before the last commit',
      reviewed(['bob', 'APPROVED', 'older']),
      'warn',
      'before its last commit',
    ],
    ['the approval of its author', reviewed(['ada', 'APPROVED']), 'fail', '#7: 0 of 1 approvals'],
    ['a comment', reviewed(['bob', 'COMMENTED']), 'fail', '#7: 0 of 1 approvals'],
    [
      'a request',
      reviewed(['eve', 'CHANGES_REQUESTED'], ['bob', 'APPROVED']),
      'fail',
      'eve asks for changes',
    ],
    [
      'a commit in the middle of an approved branch',
      {
        pulls: [
          { ...pull(['bob', 'APPROVED', 'a'.repeat(40)]), head: 'a'.repeat(40), mergeCommit: 'b'.repeat(40) },
        ],
      },
      'fail',
      '#7 contains 6dcb09b, but was reviewed at aaaaaaa and merged as bbbbbbb',
    ],
    [
      'the head of a branch that is not merged',
      { pulls: [{ ...pull(['bob', 'APPROVED']), merged: false }] },
      'warn',
      '#7: approved by bob, and not merged',
    ],
    [
      'the approval of an account that may only read',
      reviewed(['mallory', 'APPROVED']),
      'fail',
      '#7: 0 of 1',
    ],
    ['no pull request', {}, 'fail', '6dcb09b came without a pull request'],
  ])('with %s', async (_what, commit, result, finding) => {
    expect(await check(review, commit)).toMatchObject({ result, finding: expect.stringContaining(finding) })
  })

  test('asks for as many as the runbook wants', async () => {
    const commit = reviewed(['bob', 'APPROVED'])
    expect(await check(review, commit, { approvals: 2 })).toMatchObject({ finding: '#7: 1 of 2 approvals' })
    const both = (commit: string) => reviewed(['bob', 'APPROVED'], ['eve', 'APPROVED', commit])
    expect(await check(review, both('older'), { approvals: 2 })).toMatchObject({
      result: 'warn',
      finding: '#7: approved by bob, eve, all but bob before its last commit',
    })
    expect(await check(review, both(sha), { approvals: 2 })).toMatchObject({ result: 'pass' })
    expect(
      review.inapplicable(
        environmentAt('', { checks: resolveChecks(key => key, { code: { approvals: 0 } }) }),
      ),
    ).not.toBe('')
  })
})

describe('the check of the branch', () => {
  const at = (...commits: string[]) => github.repositoryState.branches.set('main', commits)

  test('a tag on a commit that is on no protected branch fails', async () => {
    at('0'.repeat(40))
    expect(await check(branch, {})).toMatchObject({ result: 'fail', finding: '6dcb09b is not on main' })
    at(sha, '0'.repeat(40))
    expect(await check(branch, {})).toMatchObject({ result: 'pass', finding: '6dcb09b is on main' })
  })

  test('the runbook names other branches, or allows every commit', async () => {
    at('0'.repeat(40))
    github.repositoryState.branches.set('release/1', [sha])
    expect((await check(branch, {}, { branches: ['main', 'release/1'] })).result).toBe('pass')
    expect(await check(branch, {}, { branches: ['release/2'] })).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('no branch release/2'),
    })
    const free = environmentAt('', { checks: resolveChecks(key => key, { code: { branches: [] } }) })
    expect(branch.inapplicable(free)).toContain('checks.code.branches')
  })
})

describe("the check of GitHub's environments", () => {
  const environments = () => github.repositoryState.environments
  const look = (own?: StandInEnvironment, recovery?: StandInEnvironment, code: object = {}) => {
    environments().clear()
    if (own) environments().set('staging', own)
    if (recovery) environments().set('staging-recovery', recovery)
    return check(githubEnvironments, {}, code)
  }

  test.each<[string, StandInEnvironment | undefined, StandInEnvironment | undefined, string, RegExp]>([
    [
      'a recovery environment for every branch',
      { reviewers: true },
      {},
      'fail',
      /staging-recovery, which has no reviewers/,
    ],
    [
      'a pattern that every branch matches',
      { reviewers: true },
      { refs: ['**'] },
      'fail',
      /staging-recovery/,
    ],
    ['protected branches', { reviewers: true }, { refs: 'protected-branches' }, 'pass', /protected branches/],
    [
      'chosen branches and tags',
      { refs: ['main'] },
      { refs: ['main', 'v*'] },
      'pass',
      /staging-recovery: main, v\*/,
    ],
    [
      'no environment at all',
      undefined,
      undefined,
      'warn',
      /no GitHub environment staging or staging-recovery/,
    ],
    ['an own environment for every branch', {}, undefined, 'warn', /environment staging$/],
  ])('%s', async (_what, own, recovery, result, finding) => {
    expect(await look(own, recovery)).toMatchObject({ result, finding: expect.stringMatching(finding) })
  })

  test('the runbook may give the recovery environment another name', async () => {
    environments().clear()
    environments().set('night', {})
    expect(await check(githubEnvironments, {}, { 'recovery-environment': 'night' })).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('night, which has no reviewers'),
    })
  })

  test('does not arise at a terminal, and says which permission is lacking', async () => {
    expect((await check(githubEnvironments, {}, {}, { env: {} })).result).toBe('skip')
    github.denied.add('actions')
    const denied = await look({}, {})
    github.denied.clear()
    expect(denied).toMatchObject({ result: 'warn', remedy: expect.stringContaining('actions: read') })
  })
})
