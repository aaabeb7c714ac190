import { expect, test } from '@jest/globals'
import { withoutCredentials } from '../../../shared/outcome/credentials.ts'
import { ToolError, quote } from '../../../shared/outcome/errors.ts'
import { excerpt } from '../../../shared/outcome/excerpt.ts'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { oneLine, printable, printableJson, printableLine } from '../../../shared/outcome/printable.ts'
import { escapeMarkup } from '../../../shared/integrations/observability/slack.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import { secretPartsOf } from '../../../shared/host/secrets/secret-parts.ts'
import { renderHtml } from '../../../shared/report/html.ts'
import { renderMarkdown } from '../../../shared/report/markdown.ts'
import { newsOf } from '../../../shared/report/news.ts'
import { renderSlack } from '../../../shared/report/slack.ts'
import { renderText } from '../../../shared/report/text.ts'
import { hideInline, inlineSecrets } from '../../../shared/config/inline-secrets.ts'

const secrets = createSecrets()
for (const value of [
  'hun/ter"2&+x',
  'A'.repeat(40),
  'aaaa-bbbb-cccc',
  '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN',
])
  secrets.add(value)
const outcome = (text: string): Outcome => ({
  ...{ step: 'deploy', service: 's', environment: 'e', status: 'failure', reason: 'bug', serving: text },
  ...{ summary: text, next: text, cause: text, durationMs: 0, startedAt: '', outputs: {}, timings: [] },
  evidence: [{ subject: text, finding: text, tone: 'bad', detail: text, next: text }],
})
const run = { title: 't', url: 'https://github.com/org/service', actor: 'a' }

/** Everything that is done with text of others before it is shown. */
const functions: Record<string, (text: string) => unknown> = {
  printable,
  printableLine,
  printableJson: text => printableJson({ text }, 2),
  oneLine,
  withoutCredentials,
  quote,
  excerpt,
  'a tool error': text => new ToolError(text, { tool: 'x', hint: text, stderr: text }),
  redact: text => secrets.redact(text),
  redactPiece: text => secrets.redactPiece(text),
  'a secret': text => secretPartsOf(text),
  'the log': text => renderText(outcome(text)),
  'the summary': text => renderMarkdown(outcome(text)),
  'the page': text => renderHtml(outcome(text)),
  Slack: text => {
    const news = newsOf(outcome(text), 'run')
    return news && renderSlack(news, run as never)
  },
  escapeMarkup,
  hideInline: text => hideInline(text, () => '***'),
  inlineSecrets,
}

/** What makes an expression that backtracks slow: long runs of what it may skip, and beginnings without an end. */
const units = [
  ...[
    ' ',
    '\n',
    ' \n',
    '\t',
    ':',
    '::',
    '##[',
    '//',
    '://',
    'a://',
    'a://b:',
    'a:b@',
    'https://u:p@',
    '@',
    '/',
    '%',
  ],
  ...[
    '%25',
    '\\',
    '\\\\',
    '\\u0041',
    '&#x41;',
    '&amp;',
    '"',
    "'",
    '`',
    '|',
    '*',
    '_',
    '[',
    '<',
    '...',
    '. ',
    'a',
    'aB1',
  ],
  ...[
    '\u001b',
    '\u001b[1',
    '\u001b[1m',
    '\u0085',
    '\u2028',
    'é',
    '0x',
    'de:ad ',
    'QUFB',
    'key=',
    'password=',
    'password',
  ],
  ...[
    '-----BEGIN CERTIFICATE-----\n',
    '-----BEGIN CERTIFICATE-----',
    '"k": "v",\n',
    '{',
    '[',
    '# ',
    'AAAA',
    '=',
    ' =',
  ],
]

const small = 1 << 13
const large = 1 << 16

/** CPU time, microseconds. */
function cost(work: (text: string) => unknown, text: string): number {
  const start = process.cpuUsage()
  work(text)
  const { user, system } = process.cpuUsage(start)
  return user + system
}

/** How much more a text costs that is 8 times as long: 8 times when that is linear, 64 when quadratic. */
function growth(work: (text: string) => unknown, unit: string): number {
  const text = (length: number) => unit.repeat(Math.ceil(length / unit.length))
  // What takes less than a millisecond is noise.
  return cost(work, text(large)) / Math.max(1_000, cost(work, text(small)))
}

test.each(Object.entries(functions))('%s costs what the length of a text says', (_name, work) => {
  for (const unit of units) {
    // The machine can interrupt one measurement, and the collector of garbage another; not all of them.
    const least = () => Math.min(growth(work, unit), growth(work, unit), growth(work, unit))
    if (growth(work, unit) > 24 && least() > 24)
      throw new Error(`${JSON.stringify(unit)}: 8 times as long costs ${growth(work, unit).toFixed()} times`)
  }
})

test.each(Object.entries(functions))('%s takes 1 MiB of them all', (_name, work) => {
  const share = Math.ceil((1 << 20) / units.length)
  expect(() => work(units.map(unit => unit.repeat(Math.ceil(share / unit.length))).join(''))).not.toThrow()
})
