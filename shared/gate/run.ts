import type { Evidence } from '../outcome/outcome.ts'
import type { Clock } from '../platform/clock.ts'
import { openHttp } from '../platform/http.ts'
import type { Log } from '../platform/log.ts'
import type { Environment } from '../runbook/environment.ts'
import { showDuration } from '../runbook/values.ts'
import { awaitArrival } from './arrival.ts'
import { describe } from './describe.ts'
import { planGate, type GatePlan } from './plan.ts'
import { probe } from './probe.ts'
import { isDoomed, judge, worst, type Round, type Verdict } from './verdict.ts'

export interface GatePorts {
  clock: Clock
  log: Log
  signal: AbortSignal
}

export interface GateResult {
  verdict: Verdict
  /** Rounds that were made. */
  probes: number
  /** Of these, how many saw something bad. */
  failed: number
  evidence: Evidence[]
}

/** A person who waits is told this often how it goes. */
const progressMs = 15_000

/**
 * Watches an environment's service as its runbook says.
 * @throws InputError when there is nothing to probe, or the window is too short to end in a pass
 */
export async function runGate(environment: Environment, ports: GatePorts): Promise<GateResult> {
  return await watch(planGate(environment), ports)
}

/** Watches a service until it is certain that it is ill, or the window is over. */
export async function watch(plan: GatePlan, ports: GatePorts): Promise<GateResult> {
  const rounds = await observe(plan, ports)
  const judgements = judge(rounds, plan.limits)
  return {
    verdict: worst(judgements),
    probes: rounds.length,
    failed: rounds.filter(({ failures }) => failures.length > 0).length,
    evidence: describe(judgements, rounds),
  }
}

/**
 * Rounds start at fixed times, whether or not the earlier ones have been answered: a service that hangs is found out
 * by the first probes' timeout, and has not fewer probes against it than one that answers at once.
 */
async function observe(plan: GatePlan, { clock, log, signal }: GatePorts): Promise<Round[]> {
  const rounds: (Round | undefined)[] = []
  const made = () => rounds.filter(round => round !== undefined)
  const stop = new AbortController()
  const http = openHttp('fresh')
  const either = AbortSignal.any([signal, stop.signal])
  const running: Promise<void>[] = []
  const say = announcer(log, plan)
  log.info(
    `Probing ${plan.paths.join(' and ')} of ${plan.url} for ${showDuration(plan.forMs)}, every ${showDuration(plan.intervalMs)}.`,
  )
  await awaitArrival(plan, http, { clock, log, signal }).catch((error: unknown) => {
    http.close()
    throw error
  })
  const start = clock.elapsed()
  const round = async (index: number) => {
    const seen = await probe(http, plan.url, plan.paths, clock.elapsed() - start, either)
    rounds[index] = seen
    say(seen, made())
    if (isDoomed(made(), plan.limits)) stop.abort()
  }
  try {
    for (let index = 0; index < plan.rounds && !stop.signal.aborted; index += 1) {
      running.push(round(index).catch((error: unknown) => ignoreAborted(error, stop.signal)))
      await clock
        .sleep(start + (index + 1) * plan.intervalMs - clock.elapsed(), either)
        .catch(() => undefined)
      signal.throwIfAborted()
    }
    await Promise.all(running)
    signal.throwIfAborted()
    return made()
  } finally {
    stop.abort()
    http.close()
  }
}

/** Probes that are under way when the verdict falls are given up, and say nothing. */
function ignoreAborted(error: unknown, stop: AbortSignal): void {
  if (!stop.aborted) throw error
}

/** Tells of each new kind of failure once, and of the progress now and then. */
function announcer(log: Log, plan: GatePlan): (round: Round, all: Round[]) => void {
  const told = new Set<string>()
  let next = progressMs
  return (round, all) => {
    for (const finding of [...round.failures, ...round.gaps].filter(each => !told.has(each))) {
      told.add(finding)
      log.warn(`after ${showDuration(round.atMs)}: ${finding}`)
    }
    if (round.atMs < next) return
    next = round.atMs + progressMs
    const failed = all.filter(({ failures }) => failures.length > 0).length
    log.info(`${all.length} of ${plan.rounds} probes, ${failed} failed`)
  }
}
