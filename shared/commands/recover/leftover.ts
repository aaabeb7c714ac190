import type { Conclusion, Evidence } from '../../outcome/outcome.ts'
import { closeBad, find, unsettled } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import { bringBack } from '../rollback/bring-back.ts'
import type { TargetPorts } from '../step/ports.ts'
import type { Stopwatch } from '../step/step.ts'
import type { Held } from '../step/held-lock.ts'

const vanished = 'its run vanished before it was settled'

/** What is deployed, and by what means. */
interface Deploying {
  environment: Environment
  ports: TargetPorts
  watch: Stopwatch
  held: Held
  /** Of the release that is to come. */
  version: string
  /** Milliseconds that the next part of the step may take. */
  left: () => number
}

/**
 * Ends what an earlier run left open, now that its lease ran out: what was good is brought back before anything new.
 * @returns how the deploy ends when it would have no way back: the record of what serves was deleted. Only that very
 * version may be deployed then, which records it anew
 */
export async function settleLeftover(work: Deploying): Promise<Conclusion | undefined> {
  const { environment, ports, watch, held, version, left } = work
  const { ledger } = held.lock
  const open = unsettled(ledger)
  const back = find(ledger, ledger.serving)
  const closeOpen = async () => {
    const at = new Date(ports.clock.now()).toISOString()
    if (open) await held.lock.update(now => closeBad(now, open.id, at, vanished))
  }
  if (!back) {
    if (open) ports.log.warn(`${open.version} was left unfinished, and has no good predecessor.`)
    await closeOpen()
    return undefined
  }
  const unfinished = open?.version ?? (ledger.restoring ? 'A restore' : undefined)
  if (!(await held.target.recall(back.id))) {
    const gone = `the record of ${back.version} (${back.id}), which is the last good release, is gone from ${held.target.place}`
    if (version !== back.version) {
      return {
        status: 'failure',
        reason: 'record-lost',
        summary: `${gone}: a deploy would have no way back. Nothing was changed.`,
        next: `Deploy ${back.version} once more from its tag, which records it anew; then this one.`,
        serving: unfinished === undefined ? back.version : '',
      }
    }
    ports.log.warn(`${gone}; this deploy records it anew.`)
    await closeOpen()
    return undefined
  }
  if (unfinished === undefined) return undefined
  ports.log.warn(`${unfinished} was left unfinished: ${back.version} is brought back first.`)
  const { evidence } = await watch.time('settle', () =>
    bringBack({
      ...{ environment, ports, held, back, because: vanished, trigger: 'recovery' },
      timeoutMs: left(),
      databaseUrl: '',
    }),
  )
  await showEvidence(`What was seen of ${unfinished} before it was removed`, evidence, ports)
  return undefined
}

/** This step reports on another release, so what is known of the one before it goes into the log. */
async function showEvidence(title: string, evidence: Evidence[], { log }: TargetPorts): Promise<void> {
  if (evidence.length === 0) return
  await log.group(title, () => {
    for (const { subject, finding, detail = '' } of evidence) {
      log.info(`${subject}: ${finding}`)
      for (const line of detail === '' ? [] : detail.split('\n')) log.info(`  ${line}`)
    }
    return Promise.resolve()
  })
}
