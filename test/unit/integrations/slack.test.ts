import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import type { Clock } from '../../../shared/host/clock.ts'
import { retryAfter } from '../../../shared/integrations/http/patience.ts'
import {
  escapeMarkup,
  parseWebhook,
  postToSlack,
  type SlackMessage,
} from '../../../shared/integrations/observability/slack.ts'
import { startSlack, type SlackStandIn } from '../../lab/slack.ts'

let slack: SlackStandIn
let waits: number[] = []
beforeEach(async () => {
  waits = []
  slack = await startSlack()
})
afterEach(() => slack.stop())

const clock: Clock = {
  now: () => 0,
  elapsed: () => waits.reduce((sum, each) => sum + each, 0),
  sleep: ms => {
    waits.push(ms)
    return Promise.resolve()
  },
}
const section = (text: string): SlackMessage => ({
  text: 'v1.2.3 serves production',
  blocks: [{ type: 'section', text: { type: 'mrkdwn', text } }],
})
const post = (message: SlackMessage, webhook = slack.webhook) =>
  postToSlack(
    { webhook, from: 'SLACK_WEBHOOK_URL', clock, timeoutMs: 10_000, signal: new AbortController().signal },
    message,
  )
/** Everything that a log could show of an error. */
const everything = async (work: Promise<unknown>) =>
  inspect(await work.catch((error: unknown) => error), { depth: 9, showHidden: true })

test('a message arrives as it was sent', async () => {
  const message = section(`by ${escapeMarkup('<ada> & co')}`)
  await post(message)
  expect(slack.posted).toEqual([message])
})

test.each([
  ['an unescaped <', section('a <b> c')],
  ['a section of 3001 characters', section('x'.repeat(3001))],
  ['51 blocks', { text: 'x', blocks: Array.from({ length: 51 }, () => ({ type: 'divider' as const })) }],
  [
    'a header of 151 characters',
    {
      text: 'x',
      blocks: [{ type: 'header' as const, text: { type: 'plain_text' as const, text: 'x'.repeat(151) } }],
    },
  ],
  [
    'more than 13000 characters in all',
    { text: 'x', blocks: Array(5).fill(section('x'.repeat(2900)).blocks[0]) as SlackMessage['blocks'] },
  ],
])('%s is refused whole, and the error says why', async (_case, message) => {
  await expect(post(message)).rejects.toThrow(/HTTP 400: (invalid_blocks|msg_blocks_too_long)/)
  expect(slack.posted).toEqual([])
})

test('neither text nor blocks is no message', async () => {
  await expect(post({ text: '', blocks: [] })).rejects.toThrow('HTTP 400: no_text')
})

test('it waits as long as Slack asks, and posts once', async () => {
  slack.refuseNext(
    { status: 429, headers: { 'retry-after': '3' }, body: 'rate_limited' },
    { status: 503, body: 'Service Unavailable' },
  )
  await post(section('x'))
  expect(waits).toEqual([3_000, 1_000])
  expect(slack.posted).toHaveLength(1)
})

test('it waits no longer than it has time', async () => {
  slack.refuseNext({ status: 429, headers: { 'retry-after': '30' }, body: 'rate_limited' })
  await expect(post(section('x'))).rejects.toThrow('HTTP 429: rate_limited')
  expect(waits).toEqual([])
})

test('what may have been posted is not posted again', async () => {
  slack.refuseNext({ status: 500, body: 'rollup_error' })
  await expect(post(section('x'))).rejects.toThrow('HTTP 500: rollup_error')
  expect(slack.posted).toEqual([])
})

test('no error shows the webhook: not of Slack, not of the network, not of what stands between', async () => {
  const secret = new URL(slack.webhook).pathname
  const other = `${slack.webhook}x`
  expect(await everything(post(section('x'), other))).not.toContain(secret)
  slack.refuseNext({ status: 502, body: `<html>no way to ${slack.webhook}</html>` })
  expect(await everything(post(section('x')))).not.toContain(secret)
  await slack.stop()
  const unreachable = await everything(post(section('x')))
  expect(unreachable).toContain('Slack cannot be reached: connection refused')
  expect(unreachable).not.toContain(secret)
  slack = await startSlack()
})

test.each([
  'ftp://hooks.slack.com/x',
  'hooks.slack.com/services/T0/B0/secret',
  'http://hooks.slack.com/services/secret',
  '',
])('a webhook that is none (%j) is refused without being shown', webhook => {
  expect(() => parseWebhook('SLACK_WEBHOOK_URL', webhook)).toThrow(
    /^SLACK_WEBHOOK_URL is not the URL of an incoming webhook$/,
  )
})

test.each([
  ['3', 3_000],
  ['Thu, 01 Jan 1970 00:00:07 GMT', 7_000],
  ['soon', undefined],
  [undefined, undefined],
])('Retry-After %j is %j ms', (header, ms) => {
  expect(retryAfter(header, 0)).toBe(ms)
})
