import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { announcement } from '../../../shared/checks/team/announcement.ts'
import type { Check, CheckContext } from '../../../shared/checks/check.ts'
import { ci } from '../../../shared/checks/code/ci.ts'
import { startGitHub, type GitHubStandIn, type StandInCommit } from '../../lab/github.ts'
import { startSlack, type SlackStandIn } from '../../lab/slack.ts'
import { environmentAt } from '../../e2e/gate/ports.ts'
import { contextOf } from './context.ts'
import { checkOn, ownRun, sha } from './on-github.ts'

const { run } = contextOf({})
const ask = (which: Check, { environment, ...said }: Partial<CheckContext>) =>
  which.run(contextOf(environment ?? {}, said))

let github: GitHubStandIn
let slack: SlackStandIn
const check = (which: Check, commit: StandInCommit, code: object = {}, said: Partial<CheckContext> = {}) =>
  checkOn(github, which, commit, code, said)

beforeAll(async () => {
  github = await startGitHub()
  slack = await startSlack()
})
afterAll(async () => {
  await github.stop()
  await slack.stop()
  expect(github.complaints).toEqual([])
})

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

  test('fails when Slack does not take it, without the webhook, and announces nothing without a version', async () => {
    const gone = ask(announcement, said(`${slack.webhook}wrong`))
    await expect(gone).rejects.toMatchObject({ hint: expect.stringContaining('new incoming webhook') })
    await expect(gone).rejects.not.toThrow(slack.webhook)
    expect((await ask(announcement, said(slack.webhook, ''))).result).toBe('skip')
    expect((await ask(announcement, said(''))).result).toBe('warn')
    expect(announcement.inapplicable(environmentAt(''))).not.toBe('')
    expect(slack.posted).toHaveLength(1)
  })
})
