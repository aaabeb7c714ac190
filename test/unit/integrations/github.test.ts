import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Clock } from '../../../shared/host/clock.ts'
import type { GitHub } from '../../../shared/integrations/github/github.ts'
import { openGitHub } from '../../../shared/integrations/github/open-github.ts'
import { earlierEnd } from '../../../shared/integrations/github/github-runs.ts'
import { readGitHubDescription } from '../../lab/contracts/openapi.ts'
import { startGitHub, type GitHubStandIn } from '../../lab/github.ts'

const sha = 'c0ffee0000000000000000000000000000000000'
const run = 'https://github.com/org/runbook-api/actions/runs/4711'

/** A clock whose waits are only written down. */
const waits: number[] = []
const clock: Clock = {
  now: () => Date.parse('2026-11-25T10:00:00Z'),
  elapsed: () => 0,
  sleep: ms => {
    waits.push(ms)
    return Promise.resolve()
  },
}

// The same client speaks to both: GitHub's own site, and a GitHub Enterprise Server under a path of its own.
describe.each(['api.github.com', 'ghes-3.19'])('against the published description of %s', name => {
  const description = readGitHubDescription(name)
  let standIn: GitHubStandIn
  let github: GitHub
  const open = (said: { token?: string; repository?: string } = {}) =>
    openGitHub({
      apiUrl: standIn.apiUrl,
      repository: said.repository ?? standIn.repository,
      token: said.token ?? standIn.token,
      clock,
      timeoutMs: 5_000,
      signal: new AbortController().signal,
    })
  beforeEach(async () => {
    waits.length = 0
    standIn = await startGitHub(description, 2)
    standIn.refs.set('v1.2.3', sha)
    github = open()
  })
  afterEach(async () => {
    github.close()
    await standIn.stop()
    expect(standIn.complaints).toEqual([])
  })

  test('check runs and statuses of every page are read, each with what a merge would make of it', async () => {
    standIn.commits.set(sha, {
      checks: [
        { name: 'test', conclusion: 'success' },
        { name: 'docs', conclusion: 'skipped' },
        { name: 'lint', conclusion: 'timed_out' },
        { name: 'deploy', status: 'in_progress', url: `${run}/job/1` },
        { name: 'style', conclusion: 'neutral' },
      ],
      statuses: [
        { context: 'ci/old', state: 'success' },
        { context: 'ci/new', state: 'error' },
        { context: 'ci/slow', state: 'pending' },
      ],
    })
    const checks = await github.checksOf(sha)
    expect(checks.map(({ name, state, said }) => [name, state, said])).toEqual([
      ['test', 'passed', 'success'],
      ['docs', 'passed', 'skipped'],
      ['lint', 'failed', 'timed_out'],
      ['deploy', 'pending', 'in_progress'],
      ['style', 'passed', 'neutral'],
      ['ci/old', 'passed', 'success'],
      ['ci/new', 'failed', 'error'],
      ['ci/slow', 'pending', 'pending'],
    ])
    expect(checks.filter(({ url }) => url.startsWith(`${run}/`)).map(({ name }) => name)).toEqual(['deploy'])
  })

  test('each check names who reports it and what started it, the newest last', async () => {
    standIn.commits.set(sha, {
      checks: [
        { name: 'test', conclusion: 'failure', app: 'github-actions', suite: 1 },
        { name: 'test', conclusion: 'success', app: 'github-actions', suite: 2 },
        { name: 'test', conclusion: 'failure', app: 'other-ci', suite: 3 },
      ],
      statuses: [
        { context: 'ci', state: 'success', by: 'ada' },
        { context: 'ci', state: 'failure' },
      ],
    })
    standIn.runs.push(
      {
        id: 21,
        status: 'completed',
        jobs: [],
        sha,
        suite: 2,
        event: 'schedule',
        calls: ['org/suite/x.yml@v1'],
      },
      { id: 20, status: 'completed', jobs: [], sha, suite: 1 },
    )
    const checks = await github.checksOf(sha)
    const byApp = (slug: string) => ({ kind: 'app', slug, id: expect.any(Number) })
    const workflow = { event: 'push', path: '.github/workflows/ci.yml', calls: [] }
    expect(checks.map(({ name, state, reporter, run }) => [name, state, reporter, run])).toEqual([
      ['test', 'failed', byApp('github-actions'), workflow],
      [
        'test',
        'passed',
        byApp('github-actions'),
        { ...workflow, event: 'schedule', calls: ['org/suite/x.yml@v1'] },
      ],
      ['test', 'failed', byApp('other-ci'), undefined],
      ['ci', 'passed', { kind: 'account', login: 'ada', isBot: false }, undefined],
    ])
    standIn.denied.add('actions')
    expect((await github.checksOf(sha)).every(({ run }) => run === undefined)).toBe(true)
  })

  test('where a commit is from the view of a branch', async () => {
    const { branches } = standIn.repositoryState
    branches.set('main', [sha, 'b'.repeat(40)])
    expect(await github.defaultBranch()).toBe('main')
    expect(await github.ancestryOf(sha, 'main')).toBe('behind')
    expect(await github.ancestryOf('b'.repeat(40), 'main')).toBe('identical')
    expect(await github.ancestryOf('c'.repeat(40), 'main')).toBe('diverged')
    expect(await github.ancestryOf(sha, 'release/2')).toBeUndefined()
  })

  test('what protects the secrets of an environment', async () => {
    const { environments } = standIn.repositoryState
    environments.set('production', { reviewers: true, refs: 'protected-branches' })
    environments.set('eu/recovery', { refs: ['main', 'v*', 'release/*'] })
    environments.set('open', {})
    expect(await github.protectionOf('production')).toEqual({
      hasReviewers: true,
      refs: { kind: 'protected-branches' },
    })
    expect(await github.protectionOf('eu/recovery')).toEqual({
      hasReviewers: false,
      refs: { kind: 'patterns', patterns: ['main', 'v*', 'release/*'] },
    })
    expect(await github.protectionOf('open')).toEqual({ hasReviewers: false, refs: { kind: 'any' } })
    expect(await github.protectionOf('none')).toBeUndefined()
  })

  test("a commit that nothing looked at has no checks, whatever GitHub's combined state says", async () => {
    standIn.commits.set(sha, {})
    expect(await github.checksOf(sha)).toEqual([])
  })

  test('the newest opinion of each who may write counts; an approval of an earlier commit is told apart', async () => {
    const reviews = [
      { user: 'grace', state: 'CHANGES_REQUESTED', commit: 'old' },
      { user: 'grace', state: 'APPROVED', commit: 'head' },
      { user: 'grace', state: 'COMMENTED', commit: 'head' },
      { user: 'alan', state: 'APPROVED', commit: 'old' },
      { user: 'barbara', state: 'DISMISSED', commit: 'head' },
      { user: 'ada', state: 'APPROVED', commit: 'head' },
      { user: 'passer-by', state: 'APPROVED', commit: 'head' },
      { user: 'reader', state: 'APPROVED', commit: 'head' },
      { user: 'edsger', state: 'APPROVED', commit: 'head' },
      { user: 'edsger', state: 'CHANGES_REQUESTED', commit: 'head' },
    ]
    for (const login of ['grace', 'alan', 'barbara', 'ada', 'edsger'])
      standIn.repositoryState.permissions.set(login, login === 'alan' ? 'admin' : 'write')
    standIn.repositoryState.permissions.set('reader', 'read')
    standIn.commits.set(sha, { pulls: [{ number: 7, author: 'ada', head: 'head', merged: true, reviews }] })
    expect(await github.pullRequestsOf(sha)).toEqual([
      expect.objectContaining({
        number: 7,
        author: 'ada',
        head: 'head',
        mergeCommit: sha,
        url: 'https://github.com/org/runbook-api/pull/7',
        opinions: [
          { reviewer: 'grace', verdict: 'approved', isOfLastCommit: true },
          { reviewer: 'alan', verdict: 'approved', isOfLastCommit: false },
          { reviewer: 'edsger', verdict: 'changes-requested', isOfLastCommit: true },
        ],
      }),
    ])
  })

  test('a commit that was pushed without a pull request has none', async () => {
    standIn.commits.set(sha, {})
    expect(await github.pullRequestsOf(sha)).toEqual([])
  })

  test('a deployment is recorded whatever the checks say, found again by its payload, and told how it goes', async () => {
    standIn.commits.set(sha, { statuses: [{ context: 'ci', state: 'pending' }] })
    const id = await github.createDeployment({
      ref: 'v1.2.3',
      environment: 'production',
      description: 'd'.repeat(200),
      payload: { release: 'r7' },
    })
    await github.createDeployment({ ref: sha, environment: 'staging', description: '', payload: {} })
    expect(await github.deploymentsTo('production')).toEqual([
      { id, ref: 'v1.2.3', payload: { release: 'r7' } },
    ])
    await github.setDeploymentStatus(id, {
      state: 'success',
      description: 'v1.2.3 serves',
      logUrl: run,
      environmentUrl: 'https://api.runbook.com',
    })
    await github.setDeploymentStatus(id, {
      state: 'inactive',
      description: '',
      logUrl: '',
      environmentUrl: '',
    })
    expect(standIn.deployments[0]?.description).toHaveLength(140)
    expect(standIn.deployments[0]?.statuses).toEqual([
      {
        state: 'success',
        description: 'v1.2.3 serves',
        log_url: run,
        environment_url: 'https://api.runbook.com',
      },
      { state: 'inactive', description: '', log_url: '', environment_url: '' },
    ])
  })

  test('a run knows how a job of its name ended the last time that it came to an end', async () => {
    const end = (name: string) =>
      earlierEnd(
        {
          apiUrl: standIn.apiUrl,
          repository: standIn.repository,
          token: standIn.token,
          clock,
          timeoutMs: 5_000,
          signal: new AbortController().signal,
        },
        '15',
        name,
      )
    const job = (name: string, conclusion: string | null) => ({ name, conclusion })
    standIn.runs.push(
      { id: 15, status: 'in_progress', jobs: [job('watch / health production', null)] },
      { id: 14, status: 'completed', jobs: [job('watch / health production', 'cancelled')] },
      {
        id: 13,
        status: 'completed',
        jobs: [job('watch / health staging', 'success'), job('watch / health production', 'failure')],
      },
      { id: 12, status: 'completed', jobs: [job('health production', 'success')] },
    )
    expect(await end('health production')).toBe('failure')
    expect(await end('health staging')).toBe('success')
    expect(await end('health')).toBeUndefined()
    standIn.denied.add('actions')
    await expect(end('health production')).rejects.toThrow('HTTP 403')
  })

  test('an error says what GitHub said and what to do, and never the token', async () => {
    const failing = async (said: { token?: string; repository?: string } = {}) => {
      const other = open(said)
      const error = await other.checksOf('v9').catch((thrown: unknown) => thrown)
      other.close()
      return error as { message: string; hint: string; code: number }
    }
    const token = 'ghp_0123456789abcdef'
    const refused = await failing({ token })
    expect(refused).toMatchObject({ code: 401, message: expect.stringContaining('Bad credentials') })
    expect(JSON.stringify(refused, Object.getOwnPropertyNames(refused))).not.toContain(token)
    expect(await failing({ repository: 'org/other' })).toMatchObject({ code: 404 })
    expect((await failing()).message).toMatch(
      /check-runs with HTTP 422: No commit found for SHA: v9|statuses with HTTP 422/,
    )
    standIn.denied.add('checks').add('statuses')
    expect(await failing()).toMatchObject({ code: 403, hint: expect.stringContaining('permission') })
  })

  test('patience is had as long as GitHub asks for it, and no longer than the time given', async () => {
    standIn.commits.set(sha, {})
    standIn.refuseNext({
      status: 403,
      headers: { 'retry-after': '2' },
      body: { message: 'secondary rate limit' },
    })
    expect(await github.pullRequestsOf(sha)).toEqual([])
    expect(waits).toEqual([2_000])
    standIn.refuseNext({
      status: 403,
      headers: { 'retry-after': '60' },
      body: { message: 'secondary rate limit' },
    })
    await expect(github.pullRequestsOf(sha)).rejects.toThrow('HTTP 403: secondary rate limit')
    expect(waits).toEqual([2_000])
  })
})
