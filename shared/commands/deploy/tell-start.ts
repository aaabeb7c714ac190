import type { Entry } from '../../release/ledger.ts'
import { isWatched, type Environment } from '../../config/environment.ts'
import type { Ports } from '../step/ports.ts'

/** Tells whom the runbook names that a release begins to change the environment. It never fails: that is warned of. */
export async function tellStart(
  environment: Environment,
  release: Entry | undefined,
  serving: Entry | undefined,
  ports: Ports,
): Promise<void> {
  if (!release || !isWatched(environment)) return
  const { deliverStart } = await import('../../report/deliver.ts')
  const { service, name } = environment
  const beginning = {
    service,
    environment: name,
    version: release.version,
    release: release.id,
    serving: serving?.version ?? '',
  }
  await deliverStart(environment, beginning, ports)
}
