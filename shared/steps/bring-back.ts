import { ToolError } from '../outcome/errors.ts'
import { beginRestore, endRestore, unsettled, type Entry } from '../release/ledger.ts'
import type { Environment } from '../runbook/environment.ts'
import type { Change, Payload, Rollout } from '../targets/target.ts'
import type { TargetPorts } from './ports.ts'
import type { Held } from './tenure.ts'

export interface BringBack {
  environment: Environment
  ports: TargetPorts
  held: Held
  back: Entry
  /** Why the release that is taken back is bad or withdrawn. */
  because: string
  timeoutMs: number
}

/** What a restore did, and how far it came. */
export interface BroughtBack {
  changes: Change[]
  rollout: Rollout
  payload: Payload
  /** Of the release that it took the place of, when that is recorded. */
  withdrawn: Payload | undefined
}

/**
 * Brings one release back whole and waits until it serves. The intent is written first, so that whoever finds the
 * environment half-way finishes the work. It is ended, too, when the release does not become ready: then everything has
 * been done that can be, and doing it again every five minutes would help nobody.
 * @throws ToolError when the record of the release is gone: nothing has been touched then
 */
export async function bringBack({ ports, held, back, because, timeoutMs }: BringBack): Promise<BroughtBack> {
  const { target, tenure } = held
  const payload = await target.recall(back.id)
  if (!payload) {
    throw new ToolError(`the record of ${back.id} (${back.version}) is gone from ${target.place}`, {
      tool: 'ledger',
      hint: `Deploy ${back.version} again from its tag.`,
    })
  }
  const { ledger } = tenure
  const from = unsettled(ledger)?.id ?? ledger.restoring?.from ?? ledger.serving
  const withdrawn = from && from !== back.id ? await target.recall(from) : undefined
  if (!ledger.restoring || ledger.serving !== back.id || unsettled(ledger)) {
    const at = new Date(ports.clock.now()).toISOString()
    await tenure.update(now => beginRestore(now, back.id, at, because))
  }
  const changes = await tenure.restore(back.id, payload, withdrawn)
  for (const { action, object } of changes) if (action !== 'none') ports.log.info(`${action} ${object}`)
  const rollout = await tenure.follow(back.id, payload, {
    release: 'proven',
    timeoutMs,
    signal: held.signal,
    onProgress: line => ports.log.info(line),
  })
  await tenure.update(endRestore)
  return { changes, rollout, payload, withdrawn }
}
