import type { RequiredCheck } from '../../config/environment.ts'
import { checksOf } from '../../config/checks.ts'
import type { CommitCheck, Reporter } from '../../integrations/github/github.ts'
import { askGitHub, shortCommit } from './ask-github.ts'
import { fail, pass, warn, type Check, type Finding } from '../check.ts'

/** How often checks that are under way are looked at again. */
const pollMs = 10_000
/** What is left for a last look, before the check's deadline. */
const reserveMs = 20_000

/** The CI of this very commit has passed, as GitHub reports it. Checks under way are waited for. */
export const ci: Check = {
  id: 'ci',
  title: 'The CI of this commit has passed',
  deadlineMs: 5 * 60_000,
  inapplicable: () => '',
  run: context =>
    askGitHub(context, async (github, { commit }) => {
      const asked: Asked = {
        commit: shortCommit(commit),
        own: { url: context.run.url, suite: context.env['GITHUB_ACTION_REPOSITORY'] ?? '' },
        required: checksOf(context.environment).code.required,
      }
      for (;;) {
        const { finding, isPending } = judgeChecks(await github.checksOf(commit), asked)
        if (!isPending || context.timeLeftMs() < pollMs + reserveMs) return finding
        await context.clock.sleep(pollMs, context.signal)
      }
    }),
}

/** The run that asks, as far as its environment tells. */
interface OwnRun {
  /** Its address; empty when no run asks. */
  url: string
  /** The repository that this suite is used from: `owner/name`. */
  suite: string
}

interface Asked {
  commit: string
  own: OwnRun
  /** Empty: every check counts that is not excluded by what started it. */
  required: RequiredCheck[]
}

/** What CI says of a commit; `isPending` when only checks under way are missing. */
export interface Judged {
  finding: Finding
  isPending: boolean
}

/**
 * The run that asks is one of the commit's checks: its jobs that have passed count, those under way do not. What was started by
 * a schedule or by hand, or by a workflow of this suite, is not the CI of the commit, and counts only where the runbook requires
 * it by name.
 */
function judgeChecks(all: CommitCheck[], { commit, own, required }: Asked): Judged {
  const isOwn = ({ url }: CommitCheck) => own.url !== '' && (url === own.url || url.startsWith(`${own.url}/`))
  const ownNames = new Set(all.filter(isOwn).map(({ name }) => name))
  const others = newest(all.filter(each => !ownNames.has(each.name)))
  const considered = [...all.filter(each => isOwn(each) && each.state !== 'pending'), ...others]
  const counted =
    required.length === 0
      ? considered.filter(each => isOwn(each) || isContinuousIntegration(each, own))
      : considered.filter(each => required.some(wanted => answers(each, wanted)))
  const named = (state: CommitCheck['state']) => counted.filter(each => each.state === state)
  const [failed, pending, passed] = [named('failed'), named('pending'), named('passed')]
  const missing = required.filter(wanted => !counted.some(each => answers(each, wanted)))
  const settled = (finding: Finding): Judged => ({ finding, isPending: false })
  if (failed.length > 0)
    return settled(
      fail(
        `${commit}: ${failed.map(({ name, said }) => `${name} (${said})`).join(', ')}`,
        `Fix it, and deploy the commit that passes: ${failed[0]?.url ?? ''}`,
      ),
    )
  if (missing.length > 0)
    return settled(
      fail(
        `${commit}: ${missing.map(wanted => absent(wanted, considered)).join(', ')}`,
        'Run it for this commit, or correct checks.code.required in the runbook.',
      ),
    )
  if (pending.length > 0)
    return {
      finding: fail(
        `${commit}: ${pending.map(({ name }) => name).join(', ')} is still under way`,
        'Wait until it has ended, then run this again.',
      ),
      isPending: true,
    }
  return settled(judgePassed(passed, commit, required))
}

function judgePassed(passed: CommitCheck[], commit: string, required: RequiredCheck[]): Finding {
  if (passed.every(({ said }) => said === 'skipped'))
    return fail(
      `${commit}: ${passed.length === 0 ? 'no check has ever run' : `all of ${passed.length} checks were skipped, so that none has run`}`,
      'Let CI run for this commit first (on push); what runs by hand or by schedule counts when checks.code.required names it; without any CI, add ci to skip.',
    )
  const text = `${commit}: ${passed.length} of ${passed.length} checks passed`
  const posters = new Set(passed.map(({ reporter }) => personOf(reporter)))
  if (required.length === 0 && !posters.has(undefined))
    return warn(
      `${text}, all of them statuses that ${[...posters].join(', ')} posted; every account with write access can post one`,
      'Name the check and who reports it under checks.code.required of the runbook: { name: ..., by: ... }.',
    )
  return pass(text)
}

/** Of a check that ran several times, on push and again for a pull request, the newest. @param all the oldest first */
function newest(all: CommitCheck[]): CommitCheck[] {
  return [...new Map(all.map(each => [JSON.stringify([nameOf(each.reporter), each.name]), each])).values()]
}

function isContinuousIntegration({ run }: CommitCheck, own: OwnRun): boolean {
  if (!run) return true
  if (run.event === 'schedule' || run.event === 'workflow_dispatch') return false
  return (
    own.suite === '' || !run.calls.some(path => path.toLowerCase().startsWith(`${own.suite}/`.toLowerCase()))
  )
}

function answers({ name, reporter }: CommitCheck, wanted: RequiredCheck): boolean {
  return name === wanted.name && (wanted.by === '' || isReportedBy(reporter, wanted.by))
}

/** @param by the slug or the id of an app, or the login of an account */
function isReportedBy(reporter: Reporter, by: string): boolean {
  if (reporter.kind === 'app') return reporter.slug === by || String(reporter.id) === by
  return reporter.login === by || reporter.login === `${by}[bot]`
}

/** The login of a person; undefined of an app or a bot. */
function personOf(reporter: Reporter): string | undefined {
  return reporter.kind === 'account' && !reporter.isBot ? reporter.login : undefined
}

function absent({ name, by }: RequiredCheck, all: CommitCheck[]): string {
  const others = all.filter(each => each.name === name).map(({ reporter }) => nameOf(reporter))
  return others.length === 0
    ? `${name} has not run`
    : `${name} is reported by ${others.join(', ')}, not by ${by}`
}

function nameOf(reporter: Reporter): string {
  return reporter.kind === 'app' ? reporter.slug || String(reporter.id) : reporter.login
}
