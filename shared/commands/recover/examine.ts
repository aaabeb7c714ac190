import type { Evidence } from '../../outcome/outcome.ts'
import type { Reason } from '../../outcome/reasons.ts'
import type { Entry } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import type { Change, Drift } from '../../targets/target.ts'
import type { TargetPorts } from '../step/ports.ts'
import type { Held } from '../step/held-lock.ts'
import { verify } from '../verify/verify.ts'

/** Why a release is not recorded good after all. */
export interface Doubt {
  reason: Reason
  /** One clause: `Deployment production/api has no replicas any more, by kubectl-scale`. */
  why: string
  evidence: Evidence[]
}

/** An autoscaler may be adding an instance just now. */
const readyWithinMs = 30_000
const lookEveryMs = 1_000

/**
 * Whether what runs is the release that was gated: it may have been changed since, or during the gate.
 * @returns undefined when it is
 */
export async function findImpostor(open: Entry, held: Held, ports: TargetPorts): Promise<Doubt | undefined> {
  const { target } = held
  const live = await awaitReady(held, ports)
  const found: Drift[] =
    live.release === open.id
      ? await target.deviations(open.id)
      : [
          {
            object: 'what runs',
            what: `is ${live.release ?? (live.image || 'nothing')}, not ${open.id}`,
            by: '',
          },
        ]
  // What answered the gate's probes was some instance.
  if (found.length === 0 && (!live.ready || open.gate === 'pass')) {
    const instances = await target.vitals()
    if (!instances.some(({ ready }) => ready))
      found.push({ object: open.version, what: 'has no instance that is ready any more', by: '' })
  }
  const [first] = found
  if (!first) return undefined
  const evidence = found.map(({ object, what, by }): Evidence => ({
    subject: object,
    finding: byWhom(what, by),
    tone: 'bad',
  }))
  return { reason: 'not-as-released', why: `${first.object} ${byWhom(first.what, first.by)}`, evidence }
}

/** Whether a release that passed its gate is well without what it has just replaced. */
export async function missesReplaced(
  environment: Environment,
  open: Entry,
  removed: Change[],
  held: Held,
  ports: TargetPorts,
): Promise<Doubt | undefined> {
  if (removed.length === 0 || open.gate !== 'pass') return undefined
  const names = removed.map(({ object }) => object).join(', ')
  ports.log.info(`Gating once more, without ${names}.`)
  const signal = held.signal
  const { verdict, evidence } = await verify(environment, { ...ports, signal }, held.target, {
    release: open,
    ledger: held.lock.ledger,
    baseline: open.baseline,
  })
  if (verdict === 'healthy') return undefined
  const reason = verdict === 'unhealthy' ? 'gate-failed' : 'gate-inconclusive'
  return { reason, why: `it does not pass its gate without ${names}, which left its manifests`, evidence }
}

async function awaitReady({ target, signal }: Held, { clock }: TargetPorts) {
  const until = clock.elapsed() + readyWithinMs
  for (;;) {
    const live = await target.live()
    if (live.ready || live.release === null || clock.elapsed() >= until) return live
    await clock.sleep(lookEveryMs, signal)
  }
}

function byWhom(what: string, by: string): string {
  return by === '' ? what : `${what}, by ${by}`
}
