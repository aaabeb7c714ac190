import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { announcement } from '../../../shared/checks/announcement.ts'
import type { Check, CheckContext } from '../../../shared/checks/check.ts'
import { branch } from '../../../shared/checks/branch.ts'
import { ci } from '../../../shared/checks/ci.ts'
import { githubEnvironments } from '../../../shared/checks/github-environments.ts'
import { review } from '../../../shared/checks/review.ts'
import { resolveChecks } from '../../../shared/runbook/checks.ts'
import { startGitHub, type GitHubStandIn, type StandInCommit, type StandInPull } from '../../lab/github.ts'
import type { StandInEnvironment } from '../../lab/contracts/github-repository.ts'
import { startSlack, type SlackStandIn } from '../../lab/slack.ts'
import { environmentAt } from '../../e2e/gate/ports.ts'
import { contextOf } from './context.ts'

const sha = '6dcb09b5b57875f334f61aebed695e2e4193db5e'
const ownRun = 'https://github.com/org/runbook-api/actions/runs/42'
const { run } = contextOf({})
const ask = (which: Check, { environment, ...said }: Partial<CheckContext>) =>
  which.run(contextOf(environment ?? {}, said))

let github: GitHubStandIn
let slack: SlackStandIn
beforeAll(async () => {
  github = await startGitHub()
  slack = await startSlack()
  for (const login of ['ada', 'bob', 'eve']) github.repositoryState.permissions.set(login, 'write')
})
afterAll(async () => {
  await github.stop()
  await slack.stop()
  expect(github.complaints).toEqual([])
})

/** What a run of GitHub Actions finds out about a commit. */
function check(which: Check, commit: StandInCommit, code: object = {}, said: Partial<CheckContext> = {}) {
  github.commits.set(sha, commit)
  return ask(which, {
    environment: environmentAt('', { checks: resolveChecks(key => key, { code }) }),
    env: { GITHUB_ACTIONS: 'true', GITHUB_API_URL: github.apiUrl, GITHUB_REPOSITORY: github.repository },
    run: { ...run, sha, url: ownRun },
    githubToken: github.token,
    ...said,
  })
}

describe('the check of CI', () => {
  const own = (name: string, more: object = {}) => ({ name, url: `${ownRun}/job/1`, ...more })
  const passed = { checks: [{ name: 'test' }, { name: 'lint', conclusion: 'skipped' }] }

  test('passes when all has passed, the jobs of its own run that are under way aside', async () => {
    const checks = [
      ...passed.checks,
      // It ran before, and failed.
      { name: 'test', conclusion: 'failure' },
      { name: 'test' },
      own('build'),
      own('promote production', { status: 'in_progress' }),
      // An earlier run of the same workflow ended badly, at this very job.
      { name: 'promote production', conclusion: 'failure', url: `${ownRun}0/job/7` },
    ]
    expect(await check(ci, { checks, statuses: [{ context: 'coverage', state: 'success' }] })).toMatchObject({
      result: 'pass',
      finding: '6dcb09b: 4 of 4 checks passed',
    })
  })

  test.each<[string, StandInCommit, string, RegExp]>([
    [
      'a check that failed',
      { checks: [{ name: 'test', conclusion: 'timed_out' }] },
      'test (timed_out)',
      /Fix it/,
    ],
    [
      'a status that failed',
      { statuses: [{ context: 'coverage', state: 'error' }] },
      'coverage (error)',
      /Fix it/,
    ],
    ['one under way', { checks: [{ name: 'test', status: 'queued' }] }, 'test is still under way', /Wait/],
    [
      'none at all',
      { checks: [own('promote', { status: 'in_progress' })] },
      'no check has ever run',
      /Let CI run/,
    ],
    [
      'none but skipped ones',
      {
        checks: [{ name: 'test', conclusion: 'skipped' }, own('notify', { conclusion: 'skipped' })],
      },
      'all of 2 checks were skipped, so that none has run',
      /Let CI run/,
    ],
  ])('fails for %s, and passes once the remedy was followed', async (_what, commit, finding, remedy) => {
    expect(await check(ci, commit)).toMatchObject({
      result: 'fail',
      finding: `6dcb09b: ${finding}`,
      remedy: expect.stringMatching(remedy),
    })
    expect((await check(ci, passed)).result).toBe('pass')
  })

  test('asks for the checks that the runbook names, and for no other', async () => {
    const commit = { checks: [{ name: 'test' }, { name: 'flaky', conclusion: 'failure' }] }
    expect((await check(ci, commit, { required: ['test'] })).result).toBe('pass')
    expect(await check(ci, commit, { required: ['test', 'e2e'] })).toMatchObject({
      result: 'fail',
      finding: '6dcb09b: e2e has not run',
    })
  })

  test('does not count what a schedule, a person or this suite started, unless the runbook requires it', async () => {
    const checks = [
      { name: 'test', suite: 1 },
      { name: 'watch production', conclusion: 'failure', suite: 2 },
      { name: 'nightly', status: 'in_progress', suite: 3 },
      { name: 'promote staging', conclusion: 'failure', suite: 4 },
    ]
    const started = (suite: number, more: object) => ({
      ...{ id: suite, status: 'completed' as const, jobs: [], sha, suite },
      ...more,
    })
    github.runs.push(
      started(2, { event: 'schedule' }),
      started(3, { event: 'workflow_dispatch' }),
      started(4, { calls: ['Org/runbook-actions/.github/workflows/promote.yml@v1'] }),
      started(1, {}),
    )
    const env = {
      ...{ GITHUB_ACTIONS: 'true', GITHUB_API_URL: github.apiUrl, GITHUB_REPOSITORY: github.repository },
      GITHUB_ACTION_REPOSITORY: 'org/runbook-actions',
    }
    expect(await check(ci, { checks }, {}, { env })).toMatchObject({
      result: 'pass',
      finding: '6dcb09b: 1 of 1 checks passed',
    })
    expect(await check(ci, { checks }, { required: ['watch production'] }, { env })).toMatchObject({
      result: 'fail',
      finding: '6dcb09b: watch production (failure)',
    })
    github.runs.length = 0
  })

  test('waits for what is under way, as long as it may', async () => {
    const slow = { checks: [{ name: 'test', status: 'in_progress' }] }
    const sleep = () => {
      github.commits.set(sha, passed)
      return Promise.resolve()
    }
    const clock = { now: () => Date.now(), elapsed: () => 0, sleep }
    expect((await check(ci, slow, {}, { clock, timeLeftMs: () => 30_000 })).result).toBe('pass')
    expect(await check(ci, slow, {}, { clock, timeLeftMs: () => 29_000 })).toMatchObject({
      result: 'fail',
      finding: '6dcb09b: test is still under way',
    })
  })

  test('a status that a person posted does not stand in for the CI that the runbook names', async () => {
    const posted = { checks: [], statuses: [{ context: 'ci', state: 'success' as const, by: 'eve' }] }
    expect(await check(ci, posted)).toMatchObject({
      result: 'warn',
      finding: expect.stringContaining('statuses that eve posted'),
      remedy: expect.stringContaining('checks.code.required'),
    })
    expect(await check(ci, posted, { required: [{ name: 'ci', by: 'jenkins' }] })).toMatchObject({
      result: 'fail',
      finding: '6dcb09b: ci is reported by eve, not by jenkins',
    })
    expect((await check(ci, posted, { required: [{ name: 'ci', by: 'eve' }] })).result).toBe('pass')
    const run = { checks: [{ name: 'ci', app: 'github-actions' }] }
    expect((await check(ci, run, { required: [{ name: 'ci', by: 'github-actions' }] })).result).toBe('pass')
    expect((await check(ci, run, { required: [{ name: 'ci', by: 'other' }] })).result).toBe('fail')
  })

  test('says so when it may not see, has no token, or there is no GitHub', async () => {
    github.denied.add('checks')
    const denied = await check(ci, passed)
    github.denied.clear()
    expect(denied).toMatchObject({ result: 'warn', remedy: expect.stringContaining('checks: read') })
    expect(await check(ci, passed, {}, { githubToken: '' })).toMatchObject({ result: 'warn' })
    expect(
      await check(ci, passed, {}, { env: { PATH: process.env['PATH'] }, githubToken: '' }),
    ).toMatchObject({
      result: 'skip',
    })
    // What GitHub does not answer for the moment is not what the token may never see.
    const headers = { 'x-ratelimit-remaining': '0' }
    const spent = { status: 403, headers, body: { message: 'API rate limit exceeded' } }
    github.refuseNext(spent, spent)
    await expect(check(ci, passed)).rejects.toMatchObject({
      hint: expect.stringContaining('may not ask more often'),
    })
    const wrong = check(ci, passed, {}, { githubToken: 'ghs_wrong' })
    await expect(wrong).rejects.toMatchObject({ hint: expect.stringContaining('a token that is valid') })
  })
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

describe('the announcement', () => {
  const said = (webhook: string, version = 'v1.2.3') => ({
    environment: environmentAt('', { notify: { slack: 'SLACK_WEBHOOK_URL', github: '' } }),
    env: { SLACK_WEBHOOK_URL: webhook },
    version,
    run: { ...run, url: ownRun },
    accepted: [{ id: 'review', reason: 'hotfix for <incident> 4711 & more' }],
    skipped: [{ id: 'redis', reason: '' }],
  })

  test('tells what, where, by whom, and what the release does without', async () => {
    expect(await ask(announcement, said(slack.webhook))).toMatchObject({ result: 'pass' })
    const [posted] = slack.posted
    expect(slack.complaints).toEqual([])
    expect(posted?.text).toBe('runbook-api v1.2.3 is about to be deployed to staging')
    const text = JSON.stringify(posted)
    for (const each of [
      '`review` may fail: hotfix for &lt;incident&gt; 4711 &amp; more',
      '`redis` is left out',
      ownRun,
      'by ada',
    ])
      expect(text).toContain(each)
  })

  test('fails when Slack does not take it, without the webhook, and tells nobody without a version', async () => {
    const gone = ask(announcement, said(`${slack.webhook}wrong`))
    await expect(gone).rejects.toMatchObject({ hint: expect.stringContaining('new incoming webhook') })
    await expect(gone).rejects.not.toThrow(slack.webhook)
    expect((await ask(announcement, said(slack.webhook, ''))).result).toBe('skip')
    expect((await ask(announcement, said(''))).result).toBe('warn')
    expect(announcement.inapplicable(environmentAt(''))).not.toBe('')
    expect(slack.posted).toHaveLength(1)
  })
})
