import type { Vitals } from '../../release/vitals.ts'
import type { Judgement } from '../statistics/judgement.ts'
import type { Snapshot } from '../statistics/seen.ts'

/** Losing its readiness once and getting it back is a hiccup; twice in a window is a service that cannot hold it. */
const mostFlaps = 1

/** What happened to the instances between the first look at them and the last. */
interface Events {
  /** Each with why. */
  restarts: string[]
  /** The instance, each time that it lost its readiness. */
  flaps: string[]
}

/**
 * An instance that is started again, or ended for its memory, while a release proves itself, fails it; so does one that
 * loses its readiness twice, or has lost it at the end.
 */
export function judgeWorkload(snapshots: Snapshot[]): Judgement {
  const metric = 'workload'
  const seen = snapshots.filter(each => 'instances' in each)
  const [first, last] = [seen[0], seen.at(-1)]
  const newest = snapshots.at(-1)
  if (!first || !last || (newest && 'gap' in newest)) {
    const why = newest && 'gap' in newest ? newest.gap : 'it could not be asked'
    return { metric, verdict: 'inconclusive', finding: why }
  }
  if (last.instances.length === 0) {
    // What was never there may be another service's: the target that the runbook names is not what answers.
    const verdict = seen.some(({ instances }) => instances.length > 0) ? 'fail' : 'inconclusive'
    return { metric, verdict, finding: 'no instance is there' }
  }
  const { restarts, flaps } = eventsIn(seen.map(({ instances }) => instances))
  // One that has come in the window, and is not ready yet, has lost nothing.
  const isLost = last.instances.some(({ instance, ready }) => !ready && flaps.includes(instance))
  const seenAs = `${last.instances.length} instances, ${restarts.length} restarts, ${flaps.length} times not ready any more`
  const told = (events: string[]) => `${seenAs}: ${[...new Set(events)].slice(0, 3).join('; ')}`
  if (restarts.length > 0) return { metric, verdict: 'fail', finding: told(restarts) }
  if (flaps.length > 0) {
    const verdict = flaps.length > mostFlaps || isLost ? 'fail' : 'warn'
    return { metric, verdict, finding: told(flaps.map(instance => `${instance} is not ready any more`)) }
  }
  return { metric, verdict: 'pass', finding: seenAs }
}

/** Instances that were started again: each with why. */
export function restartsIn(snapshots: Snapshot[]): string[] {
  return eventsIn(snapshots.flatMap(each => ('instances' in each ? [each.instances] : []))).restarts
}

function eventsIn(snapshots: Vitals[][]): Events {
  const events: Events = { restarts: [], flaps: [] }
  const before = new Map(snapshots[0]?.map(each => [each.instance, each]))
  for (const instances of snapshots.slice(1)) {
    for (const now of instances) {
      const then = before.get(now.instance)
      before.set(now.instance, now)
      // One that came in the window has only its own restarts.
      const again = now.restarts - (then?.restarts ?? 0)
      const why = now.outOfMemory ? 'ended for its memory' : now.lastEnd || 'for a reason that is not known'
      for (let each = 0; each < again; each += 1)
        events.restarts.push(`${now.instance} was restarted: ${why}`)
      if (then?.ready && !now.ready && again <= 0) events.flaps.push(now.instance)
    }
  }
  return events
}
