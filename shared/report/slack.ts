import type { SlackMessage } from '../integrations/observability/slack.ts'
import type { RunInfo } from '../host/run.ts'
import type { News } from './news.ts'

const marks: Record<News['mark'], string> = { start: '🚀', good: '✅', warn: '⚠️', bad: '❌', hold: '⏸️' }

/** A message is read on a phone: what is longer is in the run. */
const longest = { headline: 200, text: 900, next: 600, fact: 100 } as const

/** News as a message for Slack: what happened, what serves now, what to do, and where to look. */
export function renderSlack(
  { mark, headline, text, next, serving, facts }: News,
  run: RunInfo,
): SlackMessage {
  const lines = [
    `${marks[mark]} *${markup(headline, longest.headline)}*`,
    markup(text, longest.text),
    ...(serving && !headline.includes(serving) ? [`Serving now: ${markup(serving, longest.fact)}`] : []),
    ...(next ? [`Next: ${markup(next, longest.next)}`] : []),
  ]
  const title = markup(run.title, longest.fact)
  const where = run.url ? `<${run.url}|${title}>` : title
  const context = [where, ...(run.url ? [markup(run.actor, longest.fact)] : []), ...facts.map(code)]
  return {
    text: `${marks[mark]} ${markup(headline, longest.headline)}`,
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: lines.join('\n') } },
      { type: 'context', elements: [{ type: 'mrkdwn', text: context.join(' · ') }] },
    ],
  }
}

/** Text of others as Slack's markup of at most so many characters, and never half an entity. */
function markup(text: string, most: number): string {
  let shown = ''
  for (const character of text.replace(/\s+/g, ' ')) {
    const next = entities[character] ?? character
    if (shown.length + next.length > most - 1) return `${shown}…`
    shown += next
  }
  return shown
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  // These would format what stands between two of them; the look-alikes do not.
  '*': '∗',
  '`': 'ˋ',
}

function code(fact: string): string {
  return `\`${markup(fact, longest.fact)}\``
}
