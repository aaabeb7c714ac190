import { expect, test } from '@jest/globals'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { printable } from '../../../shared/outcome/printable.ts'
import { renderHtml } from '../../../shared/report/html.ts'
import { renderMarkdown } from '../../../shared/report/markdown.ts'
import { newsOf } from '../../../shared/report/news.ts'
import { renderSlack } from '../../../shared/report/slack.ts'
import { renderMetrics } from '../../../shared/report/metrics.ts'

/** What a service can write into its log, which ends in every report. */
const attacks = [
  '<img src=https://evil.example.org/beacon.png>',
  '![x](https://evil.example.org/beacon.png)',
  '[healthy](https://evil.example.org)',
  '</details><script>alert(1)</script>',
  '```\n# heading\n<b>bold</b>',
  '| a | b |\n| --- | --- |',
  '\n> quote\n- item',
  '$\\href{https://evil.example.org}{x}$ ~~x~~',
  '<!channel> <https://evil.example.org|the run> <@U123>',
  '"} 1\nrunbook_healthy 1\n{x="',
  '\' onload="x" "><svg/onload=x>',
]

const outcome = (text: string): Outcome => ({
  ...{ step: 'deploy', service: 's', environment: 'e', status: 'failure', reason: 'bug', serving: text },
  ...{ summary: text, next: text, cause: text, durationMs: 0, startedAt: '2026-01-01T00:00:00Z' },
  timings: [{ phase: text, ms: 1 }],
  outputs: { changed: 'true' },
  evidence: [{ subject: text, finding: text, tone: 'bad', detail: text, next: text }],
})

test.each(attacks)('in a job summary, %j is text', attack => {
  const text = renderMarkdown(outcome(printable(attack)))
  // Fenced blocks show what they hold as it is; a fence is longer than any in it.
  const fence = /^(`{3,})text\n[^]*?\n\1$/gm
  const outside = text.replace(fence, '')
  expect(text).toMatch(fence)
  expect(outside.replace(/<\/?(?:details|summary|sub)>/g, '')).not.toContain('<')
  expect(outside).not.toMatch(/(?<!\\)[[\]$~]/)
  const blocks = outside.split('\n').filter(line => /^\s*(?:[-+*>#]|\d+\.|```)/.test(line))
  expect(blocks.filter(line => !/^(?:### ❌|\*\*|<)/.test(line))).toEqual([])
  expect(outside.split('\n').filter(line => line.startsWith('|'))).toHaveLength(3)
})

test.each(attacks)('in a page, %j is text', attack => {
  const page = renderHtml(outcome(printable(attack)))
  expect(page).toContain("default-src 'none'")
  expect([...page.matchAll(/<\/?([a-z!]+)/gi)].map(([, name]) => name)).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/^(?:img|script|svg|b|a)$/)]),
  )
  expect(page).not.toMatch(/<[^>]*\son[a-z]+=/i)
})

test.each(attacks)('in a message of Slack, %j mentions, links and formats nothing', attack => {
  const news = newsOf(outcome(printable(attack)), 'run')
  const run = { title: 'run 1', url: 'https://github.com/org/service/actions/runs/1', actor: attack }
  const message = JSON.stringify(news && renderSlack(news, run as never))
  expect(message.match(/<[^>]*>/g)).toEqual(['<https://github.com/org/service/actions/runs/1|run 1>'])
})

test.each(attacks)('in metrics, %j adds none', attack => {
  const names = renderMetrics(outcome(printable(attack)))
    .split('\n')
    .filter(line => !/^(?:#|$)/.test(line))
  expect(names.map(line => /^\w+/.exec(line)?.[0])).toEqual([
    'runbook_step_duration_seconds',
    'runbook_step_end_timestamp_seconds',
  ])
})
