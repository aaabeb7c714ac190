import { setTimeout as sleep } from 'node:timers/promises'

/** Requests to a service, one after the other, and what they were answered. */
export interface Traffic {
  /**
   * Ends the requests.
   * @param good what the release answers that has to receive the traffic
   * @param since a moment of `performance.now()`
   * @returns milliseconds from then until that release, and no other, answered; 0 when it did so all the time
   */
  end(good: string, since: number): Promise<number>
  /** Ends the requests, of which nothing is to be learned. */
  abandon(): void
}

/** Ten requests a second: the figure is exact to that. */
const everyMs = 100

/** Asks a service again and again. */
export function watchTraffic(ask: () => Promise<string>): Traffic {
  const answers: { sentAt: number; text: string }[] = []
  const ended = new AbortController()
  const asking = (async () => {
    while (!ended.signal.aborted) {
      const sentAt = performance.now()
      answers.push({ sentAt, text: await ask() })
      await sleep(everyMs, undefined, { signal: ended.signal }).catch(() => undefined)
    }
  })()
  return {
    abandon: () => ended.abort(),
    async end(good, since) {
      ended.abort()
      await asking
      const sentAt = performance.now()
      answers.push({ sentAt, text: await ask() })
      const lastOther = answers.findLastIndex(({ text }) => text !== good)
      const first = answers[lastOther + 1]
      if (!first) throw new Error(`the service answers "${answers.at(-1)?.text ?? ''}", not "${good}"`)
      return Math.round(Math.max(0, lastOther < 0 ? 0 : first.sentAt - since))
    },
  }
}
