import { adopt, type Intent } from '../../release/ledger.ts'
import type { Payload } from '../../targets/target.ts'
import { identify } from '../inspect/identify.ts'
import type { Ports, TargetPorts } from '../step/ports.ts'
import type { Held } from '../step/held-lock.ts'

/**
 * Records what another tool had deployed as `r0` before anything is changed, so that it can be restored: the workload,
 * what belongs to it, and all that the next release is about to change.
 */
export async function adoptForeign(ports: TargetPorts, { lock }: Held, next?: Payload): Promise<void> {
  if (lock.ledger.entries.length > 0) return
  const found = await lock.adopt(next)
  if (!found) return
  const intent = { ...intentOf(ports, found.version, found.image), ...(await identify(ports)) }
  await lock.update(ledger => adopt(ledger, intent))
  await lock.store('r0', found.payload)
  ports.log.info(`Recorded what was there before (${found.image}) as r0, so that it can be brought back.`)
}

/** The entry of a release that this run makes. */
export function intentOf({ clock, run }: Ports, version: string, image: string): Intent {
  const intendedAt = new Date(clock.now()).toISOString()
  return { version, image, by: run.actor, run: run.id, runUrl: run.url, intendedAt }
}
