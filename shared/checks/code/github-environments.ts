import type { EnvironmentProtection } from '../../integrations/github/github.ts'
import { checksOf } from '../../config/checks.ts'
import { askGitHub } from './ask-github.ts'
import { isOnGitHub } from './github-place.ts'
import { fail, pass, skip, warn, type Check, type Finding } from '../check.ts'

/**
 * The GitHub environments that hold this environment's secrets give them only to branches and tags that are protected. The
 * one of the recovery job has no reviewers, since it must work at night: its refs are all that protects it.
 */
export const githubEnvironments: Check = {
  id: 'github-environments',
  title: "GitHub gives the environment's secrets to chosen branches and tags only",
  inapplicable: () => '',
  async run(context) {
    if (!isOnGitHub(context)) return skip('this is no run of GitHub Actions')
    const { name } = context.environment
    const { recoveryEnvironment } = checksOf(context.environment).code
    const names = { own: name, recovery: recoveryEnvironment ?? `${name}-recovery` }
    return askGitHub(context, async github => {
      const [own, recovery] = await Promise.all([
        github.protectionOf(names.own),
        github.protectionOf(names.recovery),
      ])
      return judgeProtection(names, own, recovery)
    })
  },
}

/** @param own undefined, like `recovery`: there is no such environment, so that the secrets are the repository's */
function judgeProtection(
  names: { own: string; recovery: string },
  own: EnvironmentProtection | undefined,
  recovery: EnvironmentProtection | undefined,
): Finding {
  const settings = 'under Settings, Environments, "Deployment branches and tags"'
  if (recovery && isOpen(recovery))
    return fail(
      `every branch can run a job with the secrets of the GitHub environment ${names.recovery}, which has no reviewers`,
      `Choose for ${names.recovery}, ${settings}: the default branch, and the tags that are released (v*). The same for ${names.own}.`,
    )
  if (!own && !recovery)
    return warn(
      `there is no GitHub environment ${names.own} or ${names.recovery}: every branch can use the secrets of the repository`,
      `Create both, move the secrets into them, and choose ${settings} the default branch and the tags that are released.`,
    )
  if (own && isOpen(own) && !own.hasReviewers)
    return warn(
      `every branch can run a job with the secrets of the GitHub environment ${names.own}`,
      `Choose for ${names.own}, ${settings}: the default branch, and the tags that are released (v*); or require reviewers.`,
    )
  return pass(
    [own && `${names.own}: ${show(own)}`, recovery && `${names.recovery}: ${show(recovery)}`]
      .filter(each => each !== undefined)
      .join('; '),
  )
}

/** A pattern that every name matches protects nothing. A `*` of GitHub does not match a slash. */
function isOpen({ refs }: EnvironmentProtection): boolean {
  switch (refs.kind) {
    case 'any':
      return true
    case 'protected-branches':
      return false
    case 'patterns':
      return refs.patterns.some(pattern => /^[*/]+$/.test(pattern))
  }
}

function show({ refs, hasReviewers }: EnvironmentProtection): string {
  const reviewed = hasReviewers ? ', reviewed' : ''
  switch (refs.kind) {
    case 'any':
      return `every branch${reviewed}`
    case 'protected-branches':
      return `protected branches${reviewed}`
    case 'patterns':
      return `${refs.patterns.join(', ') || 'no branch'}${reviewed}`
  }
}
