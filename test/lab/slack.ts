import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { serve, type Answer, type Asked } from './contracts/server.ts'

/*
 * Slack's incoming webhooks as they are published: docs.slack.dev, "Sending messages using incoming webhooks" (what is
 * answered), "Blocks" and "Text object" (limits), "Rate limits" (429 with Retry-After).
 */

/** A message that was taken. */
export type Posted = z.infer<typeof message>

/** An incoming webhook of one channel. */
export interface SlackStandIn {
  /** The whole URL: the secret. */
  webhook: string
  /** In the order in which they were taken. */
  posted: Posted[]
  /** Why messages were refused, in more words than Slack has. */
  complaints: string[]
  /** Answers the next posts with this instead, one each. */
  refuseNext(...answers: Answer[]): void
  stop(): Promise<void>
}

const characters = (most: number) => z.string().min(1).max(most)
const isEscaped = (said: string) => !/<(?!https?:\/\/[^|>\s]+(\|[^<>]*)?>)|&(?!amp;|lt;|gt;)/.test(said)
/** `<`, `>` and `&` of others have to be escaped: what is left of them must be Slack's own links. */
const markup = (most: number) =>
  z.strictObject({
    type: z.literal('mrkdwn'),
    text: characters(most).refine(isEscaped, 'has an unescaped < or &'),
    verbatim: z.boolean().optional(),
  })
const plain = (most: number) =>
  z.strictObject({ type: z.literal('plain_text'), text: characters(most), emoji: z.boolean().optional() })
const text = (most: number) => z.discriminatedUnion('type', [markup(most), plain(most)])
const id = { block_id: z.string().max(255).optional() }

const block = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('header'), text: plain(150), ...id }),
  z
    .strictObject({
      type: z.literal('section'),
      text: text(3000).optional(),
      fields: z.array(text(2000)).min(1).max(10).optional(),
      expand: z.boolean().optional(),
      ...id,
    })
    .refine(({ text, fields }) => text ?? fields, 'has neither text nor fields'),
  z.strictObject({ type: z.literal('context'), elements: z.array(text(2000)).min(1).max(10), ...id }),
  z.strictObject({ type: z.literal('divider'), ...id }),
])

const message = z.strictObject({
  text: z.string().max(40_000).refine(isEscaped, 'has an unescaped < or &').optional(),
  blocks: z.array(block).max(50).optional(),
  unfurl_links: z.boolean().optional(),
  unfurl_media: z.boolean().optional(),
})

/** Blocks that are longer than this together are refused (slackapi/bolt-js#2509: the limit is measured, not published). */
const mostBlockCharacters = 13_000

/** Why Slack would refuse a message, in its own word and in more; undefined when it would not. */
export function complaintOf(said: unknown): { word: string; why: string } | undefined {
  const { data, error } = message.safeParse(said)
  if (error) {
    const inBlocks = error.issues.every(({ path }) => path[0] === 'blocks')
    return { word: inBlocks ? 'invalid_blocks' : 'invalid_payload', why: z.prettifyError(error) }
  }
  if (!data.text && !data.blocks?.length) return { word: 'no_text', why: 'neither text nor blocks' }
  if (JSON.stringify(data.blocks ?? []).length > mostBlockCharacters)
    return { word: 'msg_blocks_too_long', why: `blocks of more than ${mostBlockCharacters} characters` }
  return undefined
}

/** Starts a webhook that takes what Slack takes, and answers as Slack does. */
export async function startSlack(): Promise<SlackStandIn> {
  const path = `/services/T00000000/B00000000/${randomUUID().replaceAll('-', '')}`
  const posted: Posted[] = []
  const complaints: string[] = []
  const refusals: Answer[] = []

  const refuse = (status: number, body: string, why: string): Answer => {
    complaints.push(why)
    return { status, body }
  }
  const answerTo = (asked: Asked): Answer => {
    if (asked.path !== path) return refuse(404, 'no_service', `no webhook at ${asked.path}`)
    if (asked.method !== 'POST') return refuse(405, 'method_not_allowed', asked.method)
    const refusal = refusals.shift()
    if (refusal) return refusal
    if (!/^application\/json\b/.test(asked.headers['content-type'] ?? ''))
      return refuse(400, 'invalid_payload', 'content-type is not application/json')
    let said: unknown
    try {
      said = JSON.parse(asked.body)
    } catch {
      return refuse(400, 'invalid_payload', 'not JSON')
    }
    const refused = complaintOf(said)
    if (refused) return refuse(400, refused.word, refused.why)
    posted.push(said as Posted)
    return { status: 200, body: 'ok' }
  }

  const { url, stop } = await serve(answerTo)
  return { webhook: url + path, posted, complaints, refuseNext: (...said) => refusals.push(...said), stop }
}
