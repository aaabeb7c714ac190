import type { Outcome } from '../outcome/outcome.ts'

/** Something that a team wants to hear of once, when it happens. */
export interface News {
  mark: 'start' | 'good' | 'warn' | 'bad' | 'hold'
  /** The line that a phone shows: `production: v1.2.3 serves`. */
  headline: string
  /** What happened, one or two sentences. */
  text: string
  /** What to do; empty when there is nothing to do. */
  next: string
  /** What serves now, as far as it is known. */
  serving: string
  /** Words for those who look it up: reason code, cause. */
  facts: string[]
}

/** A release that begins to take the place of another. */
export interface Beginning {
  service: string
  environment: string
  version: string
  /** Its id in the ledger. */
  release: string
  /** The version that serves until it is well; empty when there is none. */
  serving: string
}

/**
 * How a step came to run: as a part of a run that releases, or of any other on a runner; or by itself at a terminal, where
 * the user who started it sees the end.
 */
export type Setting = 'run' | 'terminal'

/** A release is about to change the environment. */
export function newsOfStart({ service, environment, version, serving }: Beginning): News {
  return {
    mark: 'start',
    headline: `${environment}: ${version} is being deployed`,
    text: serving
      ? `${service} ${serving} serves until ${version} is well.`
      : `It is the first release of ${service}.`,
    next: '',
    serving,
    facts: [],
  }
}

/**
 * What of a step's end is news. Most ends are not: that a check passed, that nothing was unfinished, what a person asked
 * for at a terminal and sees there.
 */
export function newsOf(outcome: Outcome, setting: Setting): News | undefined {
  const told = tell(outcome, setting)
  if (!told) return undefined
  const { environment, summary, next, serving, reason, cause } = outcome
  const [mark, line] = told
  return {
    mark,
    headline: `${environment}: ${line}`,
    text: summary,
    next,
    serving,
    facts: [reason, ...(cause ? [cause] : [])],
  }
}

type Told = [mark: News['mark'], line: string]

/** Ends in which nothing was changed, and nothing has to be. */
const uneventful = new Set<Outcome['reason']>([
  'already-serving',
  'dry-run',
  'nothing-to-settle',
  'superseded',
])

/** Another run works on the environment, or an operator keeps every run away from it: the user who asked sees that. */
const kept = new Set<Outcome['reason']>(['held', 'lease-held'])

/** What fails in a run that releases, by its step. */
const failures: Record<string, string> = {
  'pre-deploy-check': 'not deployed, a check says no',
  'backup-db': 'the backup failed',
  drill: 'the restore drill failed',
  deploy: 'the deploy failed',
  'health-gate': 'the new release is not well',
  'smoke-test': 'the smoke test failed',
  finish: 'the new release could not be recorded good',
}

/** What a watch says of a service when that has changed. */
const healths: Record<string, Told> = {
  healthy: ['good', 'well again'],
  unhealthy: ['bad', 'not well'],
  unknown: ['warn', 'whether it is well cannot be measured'],
}

/** Steps that change nothing: at a terminal, their failure is an answer and no news. */
const answers = new Set(['pre-deploy-check', 'health-gate', 'smoke-test'])

function tell(outcome: Outcome, setting: Setting): Told | undefined {
  const { step, status, reason, serving, outputs } = outcome
  if (uneventful.has(reason)) return undefined
  switch (step) {
    case 'hold':
      return status === 'success' ? ['hold', 'on hold'] : undefined
    case 'resume':
      return status === 'success' ? ['good', 'no longer on hold'] : undefined
    case 'unlock':
      return status === 'success' ? ['warn', 'the lease was taken away'] : undefined
    case 'health-check':
      return outputs['health-changed'] === 'true' ? healths[outputs['health'] ?? ''] : undefined
    case 'rollback':
      return kept.has(reason) ? undefined : restored(outcome, 'the rollback failed')
    case 'settle':
      if (kept.has(reason)) return undefined
      if (reason === 'settled-good') return ['good', `${serving} serves, though its run vanished`]
      return restored(outcome, 'the recovery failed')
    case 'finish':
      if (status === 'success') return ['good', `${serving} serves`]
      break
    case 'restore-db':
      if (status !== 'success') return ['bad', 'the restore of the database failed']
      // Into a database beside the live one, the user who asked for it sees it; it concerns no other reader.
      return outputs['kept-as'] ? ['warn', 'the database was restored'] : undefined
  }
  const line = failures[step]
  if (line === undefined || status === 'success' || status === 'skipped') return undefined
  if (setting === 'terminal' && answers.has(step)) return undefined
  if (step === 'deploy' && outputs['changed'] !== 'true') return ['warn', 'nothing was deployed']
  // No verdict was given: the step was cancelled, on hold, refused, or could not measure.
  if (step === 'health-gate' && reason !== 'gate-failed')
    return ['warn', 'whether the new release is well could not be measured']
  if (step === 'pre-deploy-check' && reason !== 'checks-failed')
    return ['bad', 'not deployed, the checks could not be made']
  return ['bad', line]
}

function restored({ status, reason, serving }: Outcome, failed: string): Told {
  if (status === 'success') return ['good', `${serving} serves again`]
  if (reason === 'restored-unhealthy')
    return [
      'bad',
      serving === '' ? 'rolled back, and not healthy' : `not healthy after a rollback: ${serving} is live`,
    ]
  if (reason === 'nothing-to-restore') return ['bad', 'no good release is there to go back to']
  if (reason === 'restored-unverified') return ['warn', `${serving} serves again, unverified`]
  return ['bad', failed]
}
