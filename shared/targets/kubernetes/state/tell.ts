import type { KubeObject } from '../manifests/objects.ts'
import type { Verdict } from '../rollout/judge.ts'
import { nameOf } from '../rollout/workload.ts'

/** More workloads than this are not told of one by one. */
const fewWorkloads = 8
/** Nor are troubles, beyond these: the cause says the rest. */
const mostTroubles = 20
const countEveryMs = 5_000

/** Says how a rollout goes to a person who waits: each thing once. */
export interface Teller {
  tell(workload: KubeObject, verdict: Verdict): void
  /** @param now milliseconds of a monotonic clock */
  count(ready: number, now: number): void
}

export function createTeller(total: number, say: (line: string) => void): Teller {
  const told = new Map<string, string>()
  const troubles = new Set<string>()
  let counted = { line: '', at: -Infinity }
  const once = (key: string, line: string): void => {
    if (told.get(key) === line) return
    told.set(key, line)
    say(line)
  }
  return {
    tell(workload, verdict) {
      const name = nameOf(workload)
      if (total <= fewWorkloads) once(name, lineOf(name, verdict))
      else if (verdict.kind === 'progressing' && verdict.trouble && troubles.size < mostTroubles) {
        troubles.add(name)
        once(name, `${name}: ${verdict.trouble}`)
      }
    },
    count(ready, now) {
      if (total <= fewWorkloads) return
      const line = `${ready} of ${total} workloads are ready.`
      if (line === counted.line || now - counted.at < countEveryMs) return
      counted = { line, at: now }
      say(line)
    },
  }
}

function lineOf(name: string, verdict: Verdict): string {
  if (verdict.kind === 'doomed') return verdict.symptom.message
  if (verdict.kind === 'unknown') return verdict.message
  if (verdict.kind === 'ready') return `${name} is ready${verdict.note ? `: ${verdict.note}` : ''}.`
  return `${name}: ${[verdict.state, verdict.trouble].filter(Boolean).join('. ')}`
}
