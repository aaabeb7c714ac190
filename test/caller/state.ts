import type { Lease } from '../../shared/release/lease.ts'
import type { Ledger } from '../../shared/release/ledger.ts'
import type { Live } from '../../shared/release/settle.ts'
import { systemClock } from '../../shared/host/clock.ts'
import { systemExec } from '../../shared/host/exec.ts'
import { createSecrets } from '../../shared/host/secrets/secrets.ts'
import { hasEnded } from '../../shared/host/process-identity.ts'
import { loadEnvironment } from '../../shared/config/load.ts'
import { openTarget } from '../../shared/targets/open.ts'
import type { Lab } from '../lab/lab.ts'
import type { Service } from './service.ts'
import { silent } from '../log.ts'

/** What an environment says of itself: its ledger, who holds it, and what really runs. */
export interface State {
  ledger: Ledger
  lease: Lease | null
  live: Live
}

export async function readState(lab: Lab, { folder }: Service, name: string): Promise<State> {
  const config = 'deployment/runbook.yml'
  const environment = loadEnvironment({ root: folder, config, environment: name, overrides: {} })
  const target = await openTarget(environment, {
    clock: systemClock,
    exec: systemExec,
    log: silent,
    secrets: createSecrets(() => undefined),
    env: { ...process.env, DOCKER_HOST: lab.docker.host },
    kubeconfig: lab.kubeconfig,
    hasEnded,
    signal: AbortSignal.timeout(30_000),
  })
  try {
    return { ...(await target.read()), live: await target.live() }
  } finally {
    await target.close()
  }
}
