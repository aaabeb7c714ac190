import type { Conclusion } from '../outcome/outcome.ts'
import { closeBad, type Entry } from '../release/ledger.ts'
import { settle, type Decision } from '../release/settle.ts'
import type { Environment } from '../runbook/environment.ts'
import { bringBack } from './bring-back.ts'
import { closeRelease } from './finish.ts'
import type { TargetPorts } from './ports.ts'
import { concludeHealth } from './restored.ts'
import type { Stopwatch } from './step.ts'
import { describeHolder, type Held } from './tenure.ts'
import { verify } from './verify.ts'

export interface Settling {
  environment: Environment
  ports: TargetPorts
  watch: Stopwatch
  held: Held
  timeoutMs: number
}

/** Brings an environment whose last run did not finish to a state that the promise allows. A second call changes nothing. */
export async function settleEnvironment(work: Settling): Promise<Conclusion> {
  const { environment, ports, watch, held } = work
  const live = await held.target.live()
  const decision = settle(held.tenure.ledger, live, null, ports.run.id, ports.clock.now())
  if (decision.kind !== 'gate-then-finish') return carryOut(work, decision)
  const verified = await watch.time('gate', () => verify(environment, ports))
  if (verified.verdict === 'healthy') return closeRelease(held, decision.release, ports)
  const entries = held.tenure.ledger.entries
  const good = entries.find(entry => entry.id === held.tenure.ledger.serving)
  return carryOut(
    work,
    good ? { kind: 'restore', good, bad: decision.release } : { kind: 'alarm', release: decision.release },
  )
}

async function carryOut(
  work: Settling,
  decision: Exclude<Decision, { kind: 'gate-then-finish' }>,
): Promise<Conclusion> {
  const { ports, held } = work
  switch (decision.kind) {
    case 'nothing':
      await held.giveBack()
      return {
        status: 'success',
        reason: 'nothing-to-settle',
        summary: 'No release was left unfinished; nothing was changed.',
      }
    case 'wait':
      return {
        status: 'skipped',
        reason: 'lease-held',
        summary: `The environment is held by ${describeHolder(decision.held, ports.clock.now())}; nothing was changed.`,
      }
    case 'restore':
      return restore(work, decision.good, decision.bad)
    case 'alarm':
      return alarm(held, decision.release, ports)
  }
}

async function restore(
  { environment, ports, watch, held, timeoutMs }: Settling,
  back: Entry,
  bad: Entry | undefined,
) {
  const because = 'its run vanished before it was settled'
  const { rollout } = await watch.time('restore', () =>
    bringBack({ environment, ports, held, back, because, timeoutMs }),
  )
  const verified =
    rollout.kind === 'ready'
      ? await watch.time('gate', () => verify(environment, ports))
      : { verdict: 'unhealthy' as const, evidence: rollout.cause.evidence }
  await held.giveBack()
  return concludeHealth(back, bad, verified, [])
}

async function alarm(held: Held, open: Entry, ports: TargetPorts): Promise<Conclusion> {
  const at = new Date(ports.clock.now()).toISOString()
  await held.tenure.update(ledger => closeBad(ledger, open.id, at, 'its run vanished before it was settled'))
  await held.giveBack()
  return {
    status: 'failure',
    reason: 'nothing-to-restore',
    summary: `${open.version} (${open.id}) was left unfinished and has no good predecessor: it is left as it is.`,
    next: 'This was the first release. Look at the service now; mend the cause and release again.',
    outputs: { 'restored-release-id': '', verdict: 'nothing-to-restore' },
  }
}
