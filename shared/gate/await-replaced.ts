import { isExpected, messageOf } from '../outcome/errors.ts'
import type { Evidence } from '../outcome/outcome.ts'
import { showDuration } from '../config/values.ts'
import type { GatePorts } from './ports.ts'

const lookEveryMs = 500
/** Beyond the grace period of what ends: the target has to notice the end, and to report it. */
const noticeMs = 5_000
/** A grace period of hours is for open connections; new ones are not routed to what drains them. */
const mostMs = 120_000
/** kube-proxy writes its rules at most once a second. */
const routeMs = 1_500

/**
 * Waits until what was replaced no longer receives traffic, so that its answers are not held against what is live. Bounded
 * by the grace period of what is ending, and by two minutes.
 * @returns a warning when the bound was reached, or when the target could not be asked; else nothing
 */
export async function awaitReplaced({
  clock,
  log,
  signal,
  leaving,
}: Pick<GatePorts, 'clock' | 'log' | 'signal' | 'leaving'>): Promise<Evidence[]> {
  if (!leaving) return []
  const subject = 'replaced instances'
  const start = clock.elapsed()
  try {
    for (let waited = false; ; waited = true) {
      const { instances, graceMs } = await leaving()
      if (instances.length === 0) {
        if (waited) await clock.sleep(routeMs, signal)
        return []
      }
      const names = instances.slice(0, 3).join(', ') + (instances.length > 3 ? ', ...' : '')
      const boundMs = Math.min(graceMs + noticeMs, mostMs)
      if (clock.elapsed() - start >= boundMs) {
        const finding = `${names} may still receive traffic after ${showDuration(boundMs)}: what it answers counts too`
        log.warn(`${finding}.`)
        return [{ subject, finding, tone: 'warn' }]
      }
      if (!waited)
        log.info(`Waiting until ${names} no longer receives traffic, for ${showDuration(boundMs)} at most.`)
      await clock.sleep(lookEveryMs, signal)
    }
  } catch (error) {
    signal.throwIfAborted()
    if (!isExpected(error)) throw error
    return [{ subject, finding: `cannot be read: ${messageOf(error)}`, tone: 'warn' }]
  }
}
