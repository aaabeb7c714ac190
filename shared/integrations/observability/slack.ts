import { InputError, ToolError } from '../../outcome/errors.ts'
import type { Clock } from '../../host/clock.ts'
import { openHttp } from '../http/http.ts'
import { HttpFault } from '../http/http-fault.ts'
import { requestPatiently } from '../http/patience.ts'

/** Text in Slack's own markup: `&`, `<` and `>` of others must be escaped (`escapeMarkup`). */
export interface SlackText {
  type: 'mrkdwn'
  text: string
}

/** The blocks that the suite writes (https://docs.slack.dev/reference/block-kit/blocks). */
export type SlackBlock =
  | { type: 'header'; text: { type: 'plain_text'; text: string; emoji?: boolean } }
  | { type: 'section'; text: SlackText; fields?: SlackText[] }
  | { type: 'context'; elements: SlackText[] }
  | { type: 'divider' }

/** What an incoming webhook takes. */
export interface SlackMessage {
  /** What notifications and screen readers show. */
  text: string
  blocks: SlackBlock[]
}

/** How to send. */
export interface SlackSender {
  /** The webhook's URL, which is a secret: it is all that it takes to post. */
  webhook: string
  /** Name of the variable or input that it came from, for error messages. */
  from: string
  clock: Clock
  /** Milliseconds for all tries together. */
  timeoutMs: number
  signal: AbortSignal
}

/**
 * Posts one message to an incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
 * When Slack asks for patience it is tried again within the time given; what may have been posted is never posted twice.
 * @throws InputError when the webhook is no URL; ToolError when the message was not taken. Neither shows the webhook.
 */
export async function postToSlack(sender: SlackSender, message: SlackMessage): Promise<void> {
  const { clock, timeoutMs, signal, from } = sender
  const url = parseWebhook(from, sender.webhook)
  const http = openHttp('fresh')
  try {
    const answer = await requestPatiently(
      http,
      {
        url,
        method: 'POST',
        headers: { 'content-type': 'application/json; charset=utf-8' },
        body: JSON.stringify(message),
        timeoutMs,
        maxBytes: 4096,
        signal,
      },
      clock,
    )
    if (answer.status === 200) return
    throw refusal(answer.status, answer.body.trim(), from)
  } catch (error) {
    // The fault's own message, and that of its cause, have the path of the webhook.
    if (error instanceof HttpFault)
      throw new ToolError(`Slack cannot be reached: ${error.finding}`, { tool: 'Slack', hint: error.hint })
    throw error
  } finally {
    http.close()
  }
}

/**
 * Reads a webhook's URL.
 * @param from name of the variable or input, for the error message, which does not show the value
 * @throws InputError when it is not an https URL; http is for this machine only
 */
export function parseWebhook(from: string, webhook: string): string {
  const url = URL.parse(webhook.trim())
  const isLocal = url !== null && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal)) return url.href
  throw new InputError(`${from} is not the URL of an incoming webhook`, {
    hint: `Set ${from} to the whole URL that Slack shows under "Incoming Webhooks": https://hooks.slack.com/services/...`,
  })
}

/** Text of others as it may stand in Slack's markup. */
export function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** The answers that a new or corrected webhook ends; all others are of the message or of Slack itself. */
const ofTheWebhook = new Set([
  'action_prohibited',
  'channel_is_archived',
  'channel_not_found',
  'invalid_token',
  'no_active_hooks',
  'no_service',
  'no_team',
  'posting_to_general_channel_denied',
  'team_disabled',
  'user_not_found',
])

function refusal(status: number, body: string, from: string): ToolError {
  // Slack answers with one word. Anything else comes from what stands before it, and may repeat the URL.
  const word = /^[a-z_]{1,60}$/.test(body) ? body : ''
  const hint = () => {
    if (status === 429) return 'Slack takes one message a second from a webhook: send fewer.'
    if (ofTheWebhook.has(word) || [403, 404, 410].includes(status))
      return `Make a new incoming webhook for a channel that exists, and set ${from} to its URL.`
    if (status >= 500) return 'Look at the state of Slack: https://slack-status.com'
    return `Check that ${from} is the URL of an incoming webhook of Slack.`
  }
  return new ToolError(`Slack answered HTTP ${status}${word && `: ${word}`}`, {
    tool: 'Slack',
    code: status,
    hint: hint(),
  })
}
