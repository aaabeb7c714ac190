import type { Clock } from '../platform/clock.ts'
import type { Http } from '../platform/http.ts'
import { HttpFault } from '../platform/http-fault.ts'
import type { Log } from '../platform/log.ts'
import type { GatePlan } from './plan.ts'

/** kube-proxy writes its rules at most once a second; load balancers ask a new backend a few times before they send. */
const patienceMs = 10_000
const pauseMs = 200
/** Whoever takes a connection listens, though it may not answer. */
const answerMs = 1_000

/**
 * Waits until somebody listens at the service's address: a first release is ready before the network knows its way to
 * it. Nothing is judged here, and what refuses for longer than this (or half of the window) is left to the gate.
 */
export async function awaitArrival(
  { url, endpoints, forMs }: GatePlan,
  http: Http,
  { clock, log, signal }: { clock: Clock; log: Log; signal: AbortSignal },
): Promise<void> {
  const giveUp = clock.elapsed() + Math.min(patienceMs, forMs / 2)
  for (let told = false; clock.elapsed() < giveUp; told = true) {
    const timeoutMs = Math.min(answerMs, giveUp - clock.elapsed())
    try {
      await http.request({ url: url + (endpoints[0]?.path ?? '/'), timeoutMs, hops: 0, signal })
      return
    } catch (error) {
      if (!(error instanceof HttpFault)) throw error
      if (error.kind !== 'refused') return
      if (!told) log.info(`Nobody listens at ${url} yet: waiting for the network to learn of the release.`)
      await clock.sleep(pauseMs, signal)
    }
  }
}
