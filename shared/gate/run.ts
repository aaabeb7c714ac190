import type { Evidence } from '../outcome/outcome.ts'
import { openHttp } from '../integrations/http/http.ts'
import type { Log } from '../host/log.ts'
import { showDuration } from '../config/values.ts'
import { awaitReplaced } from './await-replaced.ts'
import { describe } from './describe.ts'
import { worst, type Verdict } from './statistics/judgement.ts'
import type { GatePlan } from './plan.ts'
import type { GatePorts } from './ports.ts'
import { probe } from './probes/probe.ts'
import { openSampling } from './probes/sampling.ts'
import type { Round, Seen } from './statistics/seen.ts'
import {
  countedFrom,
  isDoomed,
  judge,
  leastRounds,
  roundsLacking,
  roundsToMake,
  warmUpOfSeen,
} from './verdict.ts'

export interface GateResult {
  verdict: Verdict
  /** Rounds that count: those of a warm-up do not. */
  probes: number
  /** Of these, how many saw something bad. */
  failed: number
  /** What decided, with its finding; empty for a pass. */
  because: string
  /** What lets it pass, and should be looked at all the same. */
  warned: string[]
  /** Milliseconds from the gate's start until it was steady, 0 when at once; undefined when it never was. */
  warmUpMs: number | undefined
  evidence: Evidence[]
}

/** A person who waits is told this often how it goes. */
const progressMs = 15_000

/** Watches a service until it is certain that it is ill, or the window is over. */
export async function watch(plan: GatePlan, ports: GatePorts): Promise<GateResult> {
  const late = await awaitReplaced(ports)
  const seen = await observe(plan, ports)
  const judgements = judge(seen, plan.limits)
  const verdict = worst(judgements)
  const warmUp = warmUpOfSeen(seen, plan.limits)
  const counted = seen.rounds.slice(countedFrom(seen, plan.limits))
  const decided = judgements.find(each => verdict !== 'pass' && each.verdict === verdict)
  return {
    verdict,
    because: decided ? `${decided.metric}: ${decided.finding}` : '',
    warned: judgements.filter(each => each.verdict === 'warn').map(({ metric }) => metric),
    warmUpMs: warmUp.kind === 'over' && warmUp.by === 'steady' ? warmUp.atMs : undefined,
    probes: counted.length,
    failed: counted.filter(({ failures }) => failures.length > 0).length,
    evidence: [...describe(judgements, seen, plan), ...late],
  }
}

/**
 * Rounds start at fixed times, whether or not the earlier ones have been answered: a service that hangs is found out
 * soon after the first probes' timeout, and has not fewer probes against it than one that answers at once.
 */
async function observe(plan: GatePlan, ports: GatePorts): Promise<Seen> {
  const { clock, log, signal } = ports
  const rounds: (Round | undefined)[] = []
  const seen: Seen = { rounds: [], readings: [], workload: [] }
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const troubles: unknown[] = []
  // What is under way when the verdict falls is given up, and says nothing.
  const giveUp = (error: unknown) => {
    if (!stop.signal.aborted) troubles.push(error)
    stop.abort()
  }
  const decide = () => {
    if (isDoomed(seen, plan.limits)) stop.abort()
  }
  const http = openHttp('fresh')
  const sampling = openSampling(plan, ports, 0, either)
  try {
    await sampling.prepare()
    const paths = plan.endpoints.map(({ path }) => path).join(' and ')
    const { boundMs } = plan.limits.warmUp
    const first = boundMs > 0 ? `; it may take up to ${showDuration(boundMs)} to warm up first` : ''
    log.info(
      `Probing ${paths} of ${plan.url} for ${showDuration(plan.forMs)}, every ${showDuration(plan.intervalMs)}${first}.`,
    )
    const start = clock.elapsed()
    const sinceStart = () => clock.elapsed() - start
    const say = announcer(log)
    const round = async (index: number) => {
      const probed = await probe(http, plan, { atMs: sinceStart(), now: clock.now(), signal: either })
      if (stop.signal.aborted) return
      rounds[index] = probed.round
      seen.rounds = answeredInOrder(rounds)
      seen.readings.push(...probed.readings)
      say(probed.round, seen.rounds)
      decide()
    }
    void sampling.run(seen, sinceStart, decide).catch(giveUp)
    const running: Promise<void>[] = []
    let index = 0
    const makeRounds = async (isWanted: () => boolean) => {
      const [first, began] = [index, clock.elapsed()]
      for (; isWanted() && !stop.signal.aborted; index += 1) {
        running.push(round(index).catch(giveUp))
        const next = began + (index + 1 - first) * plan.intervalMs
        await clock.sleep(Math.max(0, next - clock.elapsed()), either).catch(() => undefined)
        signal.throwIfAborted()
      }
      await Promise.all(running)
      signal.throwIfAborted()
    }
    const least = leastRounds(plan.limits)
    await makeRounds(() => {
      const all = roundsToMake(warmUpOfSeen(seen, plan.limits), plan.rounds, least)
      return all === undefined || index < all
    })
    seen.windowRounds = seen.rounds.length
    for (let lacking = roundsLacking(seen, plan.limits); lacking > 0 && !stop.signal.aborted;) {
      log.info(`The window leaves it undecided: probing ${lacking} more times.`)
      const until = index + lacking
      await makeRounds(() => index < until)
      lacking = roundsLacking(seen, plan.limits)
    }
    if (!stop.signal.aborted) await sampling.once(seen, sinceStart())
    if (troubles.length > 0) throw troubles[0]
    seen.readings.sort((a, b) => a.atMs - b.atMs)
    seen.workload.sort((a, b) => a.atMs - b.atMs)
    return seen
  } finally {
    stop.abort()
    sampling.close()
    http.close()
  }
}

/**
 * The rounds up to the first that is still under way: what fails is often answered sooner than what does not, and a
 * verdict must not be founded on the bad ones alone.
 */
function answeredInOrder(rounds: (Round | undefined)[]): Round[] {
  const pending = rounds.findIndex(each => each === undefined)
  return rounds.slice(0, pending < 0 ? undefined : pending).filter(each => each !== undefined)
}

/** Tells of each new kind of failure once, and of the progress now and then. */
function announcer(log: Log): (round: Round, all: Round[]) => void {
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
    log.info(`${all.length} probes, ${failed} failed`)
  }
}
