import type { Evidence } from '../outcome/outcome.ts'
import { printable } from '../outcome/printable.ts'
import { describePhases } from './describe.ts'
import type { RequestResult } from './run-suite.ts'
import type { SmokeResult } from './run.ts'

/** What stands above the results. */
export interface JUnitHead {
  service: string
  environment: string
  url: string
  /** ISO 8601. */
  startedAt: string
  /** Seconds of the whole. */
  seconds: number
}

/**
 * The results as JUnit XML, with no more than the elements and attributes that GitLab, Jenkins (its junit-10.xsd) and
 * GitHub's reporters all read: an expectation that was not met is a failure, no answer an error, and what was not sent is
 * skipped. The load is one test case.
 * @param redact applied to every text before it is escaped
 */
export function renderJUnit(head: JUnitHead, result: SmokeResult, redact: (text: string) => string): string {
  const text = (value: string) => escape(printable(redact(value)))
  const className = `${head.service}.${head.environment}.smoke-test`
  const cases = [
    ...result.results.map(each => requestCase(each, className, text)),
    ...result.loadEvidence.slice(0, 1).map(each => loadCase(each, result, className, text)),
  ]
  const count = (kind: Case['kind']) => cases.filter(each => each.kind === kind).length
  const counts = `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}"`
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite id="0" package="${text(head.service)}" name="${text(`smoke-test ${head.environment}: ${result.suite}`)}" ${counts} time="${seconds(head.seconds)}" timestamp="${head.startedAt.slice(0, 19)}" hostname="${text(new URL(head.url).host)}">
    <properties>
      <property name="environment" value="${text(head.environment)}"/>
      <property name="url" value="${text(head.url)}"/>
    </properties>
${cases.map(({ xml }) => xml).join('\n')}
    <system-out></system-out>
    <system-err></system-err>
  </testsuite>
</testsuites>
`
}

interface Case {
  kind: 'passed' | 'failure' | 'error' | 'skipped'
  xml: string
}

type Text = (value: string) => string

function requestCase(result: RequestResult, className: string, text: Text): Case {
  const { title, where, verdict, unmet, timings, tries, retriedBecause } = result
  const kinds = { met: 'passed', unmet: 'failure', silent: 'error', unsent: 'skipped' } as const
  const tried = tries > 1 ? [`tries: ${tries}, because ${retriedBecause}`] : []
  return testCase(
    { kind: kinds[verdict], name: title, className, seconds: (timings?.total ?? 0) / 1_000 },
    {
      message: unmet[0] ?? '',
      lines: [...unmet, ...tried, ...(timings ? [describePhases(timings)] : []), `at ${where}`],
    },
    text,
  )
}

function loadCase(evidence: Evidence, { load }: SmokeResult, className: string, text: Text): Case {
  const kinds = { good: 'passed', bad: 'failure', note: 'skipped', warn: 'passed' } as const
  return testCase(
    {
      kind: kinds[evidence.tone],
      name: 'load',
      className,
      seconds: load ? load.sent / load.rps : 0,
    },
    { message: evidence.finding, lines: [evidence.finding, evidence.detail ?? ''] },
    text,
  )
}

function testCase(
  about: { kind: Case['kind']; name: string; className: string; seconds: number },
  { message, lines }: { message: string; lines: string[] },
  text: Text,
): Case {
  const { kind, name, className } = about
  const open = `    <testcase classname="${text(className)}" name="${text(name)}" time="${seconds(about.seconds)}">`
  if (kind === 'skipped')
    return { kind, xml: `${open}\n      <skipped message="${text(message)}"/>\n    </testcase>` }
  if (kind === 'passed') return { kind, xml: `${open}</testcase>` }
  const body = text(lines.filter(line => line !== '').join('\n'))
  const xml = `${open}\n      <${kind} type="smoke-test" message="${text(message)}">${body}</${kind}>\n    </testcase>`
  return { kind, xml }
}

function seconds(value: number): string {
  return value.toFixed(3)
}

/** Printable text has no control characters; what is left that XML 1.0 cannot hold is removed. */
function escape(text: string): string {
  return text
    .replace(/[\ufffe\uffff]/g, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;')
}
