import { InputError } from '../outcome/errors.ts'
import type { Environment } from '../runbook/environment.ts'
import { showDuration } from '../runbook/values.ts'
import { statusPath } from './status.ts'
import { leastRounds, percent, type GateLimits } from './verdict.ts'

/** All that a gate needs to know before it starts. */
export interface GatePlan {
  url: string
  /** Each with a leading slash; all are asked in every round. */
  paths: string[]
  forMs: number
  intervalMs: number
  /** Rounds in the window. */
  rounds: number
  limits: GateLimits
}

/** What a caller says instead of the runbook. Shares are of 1; undefined and 0 ms say nothing. */
export interface GateOverrides {
  forMs?: number | undefined
  intervalMs?: number | undefined
  memory?: number | undefined
  cpu?: number | undefined
  disk?: number | undefined
  errorRate?: number | undefined
  latencyMs?: number | undefined
}

/** A 95th percentile within the limit is what `latency` asks for; a service is failed surely when the share is more. */
const latencyShares = { allowed: 0.05, passBelow: 0.2 }
/** Between what is allowed and what a pass excludes: 1% and 5% by default, as DESIGN section 5 (Gate) has it. */
const undecidable = 0.04

/** Against a service that hangs, probes pile up for their timeout of 5 s: at most 100 rounds of them. */
const leastIntervalMs = 50

/**
 * @throws InputError when there is nothing to probe, or the window is too short to end in a pass
 */
export function planGate({ url, gate, name }: Environment, said: GateOverrides = {}): GatePlan {
  if (url === '') {
    throw new InputError(`url is missing: the environment ${name} has none in the runbook`, {
      hint: 'Set url to where the service is reached, like https://api.example.com.',
    })
  }
  const forMs = given(said.forMs) ?? gate.forMs
  const intervalMs = given(said.intervalMs) ?? gate.intervalMs
  if (intervalMs < leastIntervalMs)
    throw InputError.of('interval', `${intervalMs}ms`, `a duration of ${leastIntervalMs}ms or more`)
  const allowed = said.errorRate ?? gate.errorRate
  if (!(allowed > 0 && allowed <= 0.5))
    throw InputError.of('error-rate', percent(allowed), 'a percentage above 0% and up to 50%')
  const latencyMs = given(said.latencyMs) ?? gate.latencyMs
  const plan: GatePlan = {
    url,
    paths: gate.paths,
    forMs,
    intervalMs,
    rounds: Math.floor(forMs / intervalMs),
    limits: {
      errors: { allowed, passBelow: allowed + undecidable },
      latency: latencyMs > 0 ? { ...latencyShares, ms: latencyMs } : undefined,
      resources: gate.paths.includes(statusPath)
        ? {
            memory: said.memory ?? gate.memory,
            cpu: said.cpu ?? gate.cpu,
            disk: said.disk ?? gate.disk,
          }
        : undefined,
    },
  }
  refuseDeadThresholds(plan, said)
  refuseHopeless(plan)
  return plan
}

function given(ms: number | undefined): number | undefined {
  return ms === 0 ? undefined : ms
}

function refuseDeadThresholds({ limits }: GatePlan, { memory, cpu, disk }: GateOverrides): void {
  const [name] = Object.entries({ memory, cpu, disk }).find(([, share]) => share !== undefined) ?? []
  if (name === undefined || limits.resources) return
  throw new InputError(`${name} cannot be judged: gate.paths of the runbook has no ${statusPath}`, {
    hint: `Add ${statusPath} to gate.paths, or leave ${name} out.`,
  })
}

/** A window that could not pass with all probes good would only ever waste the time of whoever waits for it. */
function refuseHopeless({ forMs, intervalMs, rounds, limits }: GatePlan): void {
  const least = leastRounds(limits)
  if (rounds >= least) return
  const [longer, denser] = [showDuration(least * intervalMs), Math.floor(forMs / least)]
  throw new InputError(
    `for: ${showDuration(forMs)} at an interval of ${showDuration(intervalMs)} is ${rounds} probes, ` +
      `and a pass takes ${least} to show a rate under ${percent(limits.errors.passBelow)}`,
    {
      hint:
        denser >= leastIntervalMs
          ? `Set for to ${longer} at least, or interval to ${denser}ms at most.`
          : `Set for to ${longer} at least.`,
    },
  )
}
