import { checksOf } from '../runbook/checks.ts'
import type { CommitCheck } from '../platform/github.ts'
import { askGitHub, shortCommit } from './ask-github.ts'
import { fail, pass, type Check, type Finding } from './check.ts'

/** The CI of this very commit has passed, as GitHub tells it. */
export const ci: Check = {
  id: 'ci',
  title: 'The CI of this commit has passed',
  deadlineMs: 60_000,
  inapplicable: () => '',
  run: context =>
    askGitHub(context, async (github, { commit }) =>
      judgeChecks(await github.checksOf(commit), {
        commit: shortCommit(commit),
        ownRun: context.run.url,
        required: checksOf(context.environment).code.required,
      }),
    ),
}

interface Asked {
  commit: string
  /** Address of the run that asks; empty when it is none. */
  ownRun: string
  /** Names; empty: every check counts. */
  required: string[]
}

/**
 * The run that asks is one of the commit's checks: its jobs that have passed count, those under way do not; nor does what an
 * earlier run of the same workflow left under their names.
 */
export function judgeChecks(all: CommitCheck[], { commit, ownRun, required }: Asked): Finding {
  const isOwn = ({ url }: CommitCheck) => ownRun !== '' && (url === ownRun || url.startsWith(`${ownRun}/`))
  const ownNames = new Set(all.filter(isOwn).map(({ name }) => name))
  const counted = all
    .filter(each => (isOwn(each) ? each.state !== 'pending' : !ownNames.has(each.name)))
    .filter(({ name }) => required.length === 0 || required.includes(name))
  const named = (state: CommitCheck['state']) => counted.filter(each => each.state === state)
  const [failed, pending, passed] = [named('failed'), named('pending'), named('passed')]
  const missing = required.filter(name => !counted.some(each => each.name === name))
  if (failed.length > 0)
    return fail(
      `${commit}: ${failed.map(({ name, said }) => `${name} (${said})`).join(', ')}`,
      `Mend it, and deploy the commit that passes: ${failed[0]?.url ?? ''}`,
    )
  if (missing.length > 0)
    return fail(
      `${commit}: ${missing.join(', ')} has not run`,
      'Run it for this commit, or mend checks.code.required in the runbook.',
    )
  if (pending.length > 0)
    return fail(
      `${commit}: ${pending.map(({ name }) => name).join(', ')} is still under way`,
      'Wait until it has ended, then run this again.',
    )
  if (passed.every(({ said }) => said === 'skipped'))
    return fail(
      `${commit}: ${passed.length === 0 ? 'no check has ever run' : `all of ${passed.length} checks were skipped, so that none has run`}`,
      'Let CI run for this commit first (on push, or by hand); without any CI, add ci to skip.',
    )
  return pass(`${commit}: ${passed.length} of ${passed.length} checks passed`)
}
