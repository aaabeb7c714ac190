import type { Conclusion, Outcome } from '../outcome/outcome.ts'
import {
  closeGood,
  find,
  keptReleases,
  retire,
  unsettled,
  type Entry,
  type ReleaseId,
} from '../release/ledger.ts'
import type { Environment } from '../runbook/environment.ts'
import { copyLedger } from './copy-ledger.ts'
import type { TargetPorts } from './ports.ts'
import { runStep } from './step.ts'
import { acquire, describeHolder, type Held } from './tenure.ts'

/**
 * Closes the release that this run left unsettled as good, and gives the lease back: the end of a job in which
 * everything succeeded.
 * @param deployed the outputs of `deploy`; a release other than the one it made is not touched
 */
export function finish(
  environment: Environment,
  deployed: Record<string, string>,
  ports: TargetPorts,
): Promise<Outcome> {
  const id = deployed['release-id'] as ReleaseId
  const subject = { step: 'finish', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'tool-failed', async () => {
    if (deployed['changed'] !== 'true') {
      return { status: 'success', reason: 'nothing-to-settle', summary: 'The deploy changed nothing.' }
    }
    const held = await acquire(ports, 'work', 0)
    if ('held' in held) {
      return {
        status: 'failure',
        reason: 'lease-lost',
        summary: `${id} could not be recorded good: ${describeHolder(held.held, ports.clock.now())} holds the environment.`,
        next: 'Look at that run: it settles the environment.',
      }
    }
    try {
      return await close(environment, held, id, ports)
    } finally {
      held.abandon()
    }
  })
}

async function close(
  environment: Environment,
  held: Held,
  id: ReleaseId,
  ports: TargetPorts,
): Promise<Conclusion> {
  const open = unsettled(held.tenure.ledger)
  if (open?.id === id) return closeRelease(environment, held, open, ports)
  await held.giveBack()
  const state = find(held.tenure.ledger, id)?.state ?? 'unknown'
  return { status: 'success', reason: 'nothing-to-settle', summary: `${id} is settled already: ${state}.` }
}

/** Records an unsettled release as good, forgets what is too old to be needed, and gives the lease back. */
export async function closeRelease(
  environment: Environment,
  held: Held,
  open: Entry,
  ports: TargetPorts,
): Promise<Conclusion> {
  const at = new Date(ports.clock.now()).toISOString()
  const { ledger, retired } = retire(closeGood(held.tenure.ledger, open.id, at), keptReleases)
  await held.tenure.update(() => ledger)
  await held.tenure.forget(retired)
  await held.giveBack()
  const evidence = await copyLedger(environment, held.target, ledger, open.id, ports)
  const ungated = open.gate === undefined ? ' (ungated: no health gate ran in this job)' : ''
  return {
    status: 'success',
    reason: 'settled-good',
    summary: `${open.version} (${open.id}) is recorded good${ungated}.`,
    serving: open.version,
    evidence,
  }
}
