import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { announcement } from '../../../shared/checks/announcement.ts'
import type { Check, CheckContext } from '../../../shared/checks/check.ts'
import { ci } from '../../../shared/checks/ci.ts'
import { review } from '../../../shared/checks/review.ts'
import { resolveChecks } from '../../../shared/runbook/checks.ts'
import { startGitHub, type GitHubStandIn, type StandInCommit } from '../../lab/github.ts'
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
      /Mend it/,
    ],
    [
      'a status that failed',
      { statuses: [{ context: 'coverage', state: 'error' }] },
      'coverage (error)',
      /Mend it/,
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
  const reviewed = (...reviews: [user: string, state: string, commit?: string][]): StandInCommit => ({
    pulls: [
      {
        number: 7,
        author: 'ada',
        head: sha,
        merged: true,
        reviews: reviews.map(([user, state, commit = sha]) => ({ user, state, commit })),
      },
    ],
  })

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
