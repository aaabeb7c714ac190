import type { CheckContext } from '../../../shared/checks/check.ts'
import { systemClock as clock } from '../../../shared/host/clock.ts'
import { systemExec as exec } from '../../../shared/host/exec.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import type { Environment } from '../../../shared/config/environment.ts'

const unexpected = (what: string) => () => {
  throw new Error(`this check is not expected to ask for the ${what}`)
}

/** A context that knows what a test tells it, and refuses every other question. */
export function contextOf(
  environment: Partial<Environment>,
  said: Partial<Omit<CheckContext, 'environment'>> = {},
): CheckContext {
  return {
    environment: environment as Environment,
    run: {
      ...{ id: 'r/1', attempt: 1, job: 'deploy', title: 'run 1', url: '', actor: 'ada', tag: '', sha: '' },
      process: undefined,
    },
    version: '',
    githubToken: '',
    image: '',
    skipped: [],
    accepted: [],
    conflicts: 'stop',
    backsUpNext: false,
    secrets: createSecrets(),
    clock,
    exec,
    env: {},
    signal: new AbortController().signal,
    timeLeftMs: () => 0,
    config: unexpected('env-file'),
    target: unexpected('target'),
    openTunnel: unexpected('cluster'),
    payload: unexpected('payload'),
    planVerification: unexpected('gate'),
    ...said,
  }
}
