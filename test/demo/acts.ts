import type { Outcome } from '../../shared/outcome/outcome.ts'
import { find, unsettled } from '../../shared/release/ledger.ts'
import type { RunResult } from '../caller/run.ts'
import type { State } from '../caller/state.ts'
import type { Checks } from './checks.ts'
import type { Count } from './client.ts'

/** What an act left behind. */
export interface Aftermath {
  run: RunResult
  staging: State
  production: State
  /** The two before the act. */
  before: { staging: State; production: State }
  client: Count
  /** Data of production's ConfigMap. */
  config: Record<string, string>
}

export interface Act {
  title: string
  /** The tag that is pushed, or where production is sent back to. */
  trigger: { push: string } | { rollback: string }
  illness?: { staging?: Record<string, string>; production?: Record<string, string> }
  verify(after: Aftermath, checks: Checks): void
}

/** The five acts of the demo, in order. */
export const acts: Act[] = [
  {
    title: 'v1.0.0 is promoted to staging and production',
    trigger: { push: 'v1.0.0' },
    verify: (after, checks) => verifyPromoted('v1.0.0', after, checks),
  },
  {
    title: 'v1.1.0 is ill already in staging: it is stopped there',
    trigger: { push: 'v1.1.0' },
    illness: { staging: { FAULT_CRASH_AFTER: '6s' } },
    verify({ run, staging, production, before, client }, checks) {
      checks.check('the run failed', !run.success)
      verifyRestored('staging', 'v1.1.0', 'v1.0.0', staging, run, checks)
      const same = JSON.stringify(production.ledger) === JSON.stringify(before.production.ledger)
      checks.check("production's ledger is what it was", same)
      checks.check('production serves v1.0.0', serves(production, 'v1.0.0'))
      checks.check('no request failed', client.failed + client.injected === 0)
    },
  },
  {
    title: 'v1.2.0 is well in staging and ill in production: it comes back by itself',
    trigger: { push: 'v1.2.0' },
    illness: { production: { FAULT_ERROR_RATE: '0.3' } },
    verify({ run, staging, production, client, config }, checks) {
      checks.check('the run failed', !run.success)
      checks.check('staging serves v1.2.0, recorded good', isGood(staging, 'v1.2.0'))
      verifyRestored('production', 'v1.2.0', 'v1.0.0', production, run, checks)
      checks.check('the illness was noticed', causeOf(run, 'production') !== undefined)
      checks.check('its configuration is gone too', !('FAULT_ERROR_RATE' in config))
      checks.check('the client met the illness', client.injected > 0)
      checks.check('and nothing else failed for it', client.failed === 0)
    },
  },
  {
    title: 'v1.3.0 is promoted to staging and production',
    trigger: { push: 'v1.3.0' },
    verify: (after, checks) => verifyPromoted('v1.3.0', after, checks),
  },
  {
    title: 'production is rolled back to v1.0.0 by hand',
    trigger: { rollback: 'v1.0.0' },
    verify({ run, staging, production, client }, checks) {
      checks.check('the run succeeded', run.success)
      checks.check('production serves v1.0.0, recorded good', isGood(production, 'v1.0.0'))
      checks.check('v1.3.0 is withdrawn', stateOf(production, 'v1.3.0') === 'withdrawn')
      checks.check('staging serves v1.3.0 still', serves(staging, 'v1.3.0'))
      checks.check('no request failed', client.failed + client.injected === 0)
    },
  },
]

/** The outcome that stopped the run in one environment: the first that failed before the rollback. */
function causeOf(run: RunResult, environment: string): Outcome | undefined {
  return run.outcomes.find(
    each => each.environment === environment && each.step !== 'rollback' && each.status !== 'success',
  )
}

/** The end of what rolled one environment back: of its promotion, or of a rollback; undefined when nothing was restored. */
export function rollbackOf(run: RunResult, environment: string): Outcome | undefined {
  return run.outcomes.findLast(
    each => each.environment === environment && (each.outputs['restored-release-id'] ?? '') !== '',
  )
}

function verifyPromoted(
  version: string,
  { run, staging, production, client }: Aftermath,
  { check }: Checks,
): void {
  check('the run succeeded', run.success)
  check(`staging serves ${version}, recorded good`, isGood(staging, version))
  check(`production serves ${version}, recorded good`, isGood(production, version))
  check('both from the same image', staging.live.image.split('@')[1] === production.live.image.split('@')[1])
  // Only a verified backup is recorded with a release.
  check('a verified backup was taken', production.ledger.entries.at(-1)?.backup !== undefined)
  check('no request failed', client.failed + client.injected === 0)
}

function verifyRestored(
  name: string,
  bad: string,
  good: string,
  state: State,
  run: RunResult,
  { check }: Checks,
): void {
  check(`${name} serves ${good} again`, isGood(state, good))
  check(`${bad} is recorded bad there`, stateOf(state, bad) === 'bad')
  check(`the rollback found ${good} healthy`, rollbackOf(run, name)?.outputs['verdict'] === 'healthy')
}

/** The ledger says that it serves, is good, and nothing is open; the live state agrees, and no run holds the lease. */
function isGood(state: State, version: string): boolean {
  const entry = find(state.ledger, state.ledger.serving)
  const settled = unsettled(state.ledger) === undefined && state.ledger.restoring === null
  return serves(state, version) && entry?.state === 'good' && settled && state.lease === null
}

function serves({ ledger, live }: State, version: string): boolean {
  const entry = find(ledger, ledger.serving)
  return entry?.version === version && live.release === entry.id && live.version === version && live.ready
}

function stateOf({ ledger }: State, version: string): string | undefined {
  return ledger.entries.findLast(entry => entry.version === version)?.state
}
