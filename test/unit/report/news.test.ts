import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { deploymentNewsOf } from '../../../shared/report/github.ts'
import { newsOf, newsOfStart, type News } from '../../../shared/report/news.ts'
import { renderSlack } from '../../../shared/report/slack.ts'
import { complaintOf } from '../../lab/slack.ts'

const outcome: Outcome = {
  step: 'deploy',
  service: 'runbook-api',
  environment: 'production',
  status: 'success',
  reason: 'done',
  summary: 'It happened.',
  next: '',
  serving: 'v1.2.2',
  cause: '',
  evidence: [],
  timings: [],
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 61_000,
  outputs: {},
}
const run = {
  id: 'r/1',
  attempt: 1,
  job: 'deploy',
  title: 'run 4711 of org/api',
  url: 'https://github.com/org/api/actions/runs/4711',
  actor: 'ada',
  tag: '',
  sha: '',
  process: undefined,
}

describe('what is news', () => {
  test.each<[string, Partial<Outcome>, string]>([
    ['finish', { reason: 'settled-good', serving: 'v1.2.3' }, 'good v1.2.3 serves'],
    [
      'deploy',
      { status: 'failure', reason: 'rollout-doomed', outputs: { changed: 'true' } },
      'bad the deploy failed',
    ],
    ['deploy', { status: 'failure', reason: 'lease-held' }, 'warn nothing was deployed'],
    ['pre-deploy-check', { status: 'failure', reason: 'checks-failed' }, 'bad not deployed, a check says no'],
    ['health-gate', { status: 'failure', reason: 'gate-failed' }, 'bad the new release is not well'],
    [
      'health-gate',
      { status: 'inconclusive', reason: 'gate-inconclusive' },
      'warn whether the new release is well could not be measured',
    ],
    [
      'health-gate',
      { status: 'failure', reason: 'cancelled' },
      'warn whether the new release is well could not be measured',
    ],
    [
      'pre-deploy-check',
      { status: 'failure', reason: 'cancelled' },
      'bad not deployed, the checks could not be made',
    ],
    ['rollback', { reason: 'restored' }, 'good v1.2.2 serves again'],
    [
      'rollback',
      { status: 'failure', reason: 'restored-unhealthy' },
      'bad not healthy after a rollback: v1.2.2 is live',
    ],
    [
      'rollback',
      { status: 'inconclusive', reason: 'restored-unverified' },
      'warn v1.2.2 serves again, unverified',
    ],
    [
      'rollback',
      { status: 'failure', reason: 'nothing-to-restore' },
      'bad no good release is there to go back to',
    ],
    ['settle', { reason: 'settled-good', serving: 'v1.2.3' }, 'good v1.2.3 serves, though its run vanished'],
    ['settle', { reason: 'restored' }, 'good v1.2.2 serves again'],
    ['settle', { status: 'failure', reason: 'rollback-failed' }, 'bad the recovery failed'],
    ['hold', {}, 'hold on hold'],
    ['resume', {}, 'good no longer on hold'],
    ['unlock', {}, 'warn the lease was taken away'],
    ['restore-db', { outputs: { 'kept-as': 'api_before' } }, 'warn the database was restored'],
    ['drill', { status: 'failure', reason: 'restore-failed' }, 'bad the restore drill failed'],
    ['health-check', { outputs: { health: 'healthy', 'health-changed': 'true' } }, 'good well again'],
    [
      'health-check',
      {
        status: 'failure',
        reason: 'gate-failed',
        outputs: { health: 'unhealthy', 'health-changed': 'true' },
      },
      'bad not well',
    ],
    ['backup-db', { status: 'failure', reason: 'backup-failed' }, 'bad the backup failed'],
  ])('%s %j is: %s', (step, said, told) => {
    const news = newsOf({ ...outcome, step, ...said }, 'run')
    expect(`${news?.mark} ${news?.headline.replace('production: ', '')}`).toBe(told)
  })

  test.each<[string, Partial<Outcome>]>([
    ['deploy', { reason: 'done', outputs: { changed: 'true' } }],
    ['deploy', { reason: 'already-serving' }],
    ['deploy', { reason: 'dry-run' }],
    ['deploy', { status: 'skipped', reason: 'superseded' }],
    ['finish', { reason: 'nothing-to-settle' }],
    ['health-gate', {}],
    ['backup-db', {}],
    ['rollback', { reason: 'nothing-to-settle' }],
    ['settle', { reason: 'nothing-to-settle' }],
    ['health-check', { status: 'failure', outputs: { health: 'unhealthy', 'health-changed': 'false' } }],
    ['rollback', { status: 'failure', reason: 'held' }],
    ['settle', { status: 'skipped', reason: 'held' }],
    ['settle', { status: 'skipped', reason: 'lease-held' }],
    ['promote', { status: 'failure', reason: 'gate-failed' }],
    ['restore-db', { outputs: { 'kept-as': '' } }],
    ['status', {}],
  ])('%s %j is none', (step, said) => {
    expect(newsOf({ ...outcome, step, ...said }, 'run')).toBeUndefined()
  })

  test('what a user asks at a terminal is answered there; what the user changes is reported', () => {
    const failed = { ...outcome, status: 'failure' as const, reason: 'gate-failed' as const }
    expect(newsOf({ ...failed, step: 'health-gate' }, 'terminal')).toBeUndefined()
    expect(newsOf({ ...failed, step: 'rollback' }, 'terminal')).toBeDefined()
  })
})

describe('a message for Slack', () => {
  const news = newsOfStart({
    service: 'runbook-api',
    environment: 'production',
    version: 'v1.2.3',
    release: 'r8',
    serving: 'v1.2.2',
  })

  test('says what happens, what serves, and where to look, in two blocks', () => {
    expect(renderSlack(news, run)).toEqual({
      text: '🚀 production: v1.2.3 is being deployed',
      blocks: [
        {
          type: 'section',
          text: {
            type: 'mrkdwn',
            text: '🚀 *production: v1.2.3 is being deployed*\nrunbook-api v1.2.2 serves until v1.2.3 is well.\nServing now: v1.2.2',
          },
        },
        {
          type: 'context',
          elements: [
            {
              type: 'mrkdwn',
              text: '<https://github.com/org/api/actions/runs/4711|run 4711 of org/api> · ada',
            },
          ],
        },
      ],
    })
  })

  test('is taken whatever others wrote into it, and mentions no user', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 4_000 }),
      fc.string({ unit: fc.constantFrom('<', '>', '&', '*', '`', '!channel', '|', '😀') }),
    )
    const any: fc.Arbitrary<News> = fc.record({
      mark: fc.constantFrom<News['mark']>('start', 'good', 'warn', 'bad', 'hold'),
      headline: text,
      text,
      next: text,
      serving: text,
      facts: fc.array(text, { maxLength: 2 }),
    })
    fc.assert(
      fc.property(any, text, (told, title) => {
        const message = renderSlack(told, { ...run, title })
        expect(complaintOf(message)).toBeUndefined()
        expect(JSON.stringify(message)).not.toContain('<!')
      }),
      { seed: 7, numRuns: 300 },
    )
  })
})

describe('what the end of a step means for the deployments on GitHub', () => {
  test.each<[string, Partial<Outcome>, ReturnType<typeof deploymentNewsOf>]>([
    [
      'finish',
      { reason: 'settled-good', serving: 'v2.0.0' },
      { kind: 'ended', version: 'v2.0.0', release: '', state: 'success' },
    ],
    ['finish', { reason: 'nothing-to-settle' }, undefined],
    ['promote', { reason: 'settled-good', serving: 'v2.0.0' }, undefined],
    [
      'deploy',
      { status: 'failure', outputs: { 'release-id': 'r8', 'previous-release-id': 'r7', changed: 'true' } },
      { kind: 'ended', version: '', release: 'r8', state: 'failure' },
    ],
    // Refused before there was a release: both name the one that serves.
    [
      'deploy',
      { status: 'failure', outputs: { 'release-id': 'r7', 'previous-release-id': 'r7', changed: 'false' } },
      undefined,
    ],
    ['deploy', { outputs: { 'release-id': 'r8', 'previous-release-id': 'r7', changed: 'true' } }, undefined],
    [
      'settle',
      { status: 'failure', reason: 'restored-unhealthy', outputs: { 'restored-release-id': 'r7' } },
      { kind: 'restored', version: 'v1.2.2', release: 'r7', state: 'failure' },
    ],
    // It was not recorded good, and the one before is back and well.
    [
      'finish',
      {
        status: 'failure',
        reason: 'not-as-released',
        outputs: { 'restored-release-id': 'r7', verdict: 'healthy' },
      },
      { kind: 'restored', version: 'v1.2.2', release: 'r7', state: 'success' },
    ],
    ['rollback', { reason: 'nothing-to-settle', outputs: { 'restored-release-id': '' } }, undefined],
  ])('%s %j', (step, said, news) => {
    expect(deploymentNewsOf({ ...outcome, step, ...said })).toEqual(news)
  })
})
