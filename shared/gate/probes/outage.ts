/** One request that was sent to the service while a release replaced another. */
export interface Request {
  /** Milliseconds since the watch began. */
  sentMs: number
  /** It had an answer with a status below 500 in time. */
  answered: boolean
}

/** How long a service did not answer while a release replaced another. */
export interface Outage {
  requests: number
  failed: number
  /**
   * Milliseconds from the last request that was answered to the next one that was, over the worst run of failed
   * requests; 0 when none failed. It is exact to the interval between two requests.
   */
  longestGapMs: number
}

/**
 * Finds the longest gap among the requests of a watch, in whatever order they were answered.
 * @param endMs when the watch ended: a gap that was still open then reaches to it
 */
export function findOutage(requests: Request[], endMs: number): Outage {
  let [longestGapMs, lastAnsweredMs, open] = [0, 0, false]
  const close = (atMs: number) => {
    if (open) longestGapMs = Math.max(longestGapMs, atMs - lastAnsweredMs)
    open = false
  }
  for (const { sentMs, answered } of requests.toSorted((a, b) => a.sentMs - b.sentMs)) {
    if (!answered) {
      open = true
      continue
    }
    close(sentMs)
    lastAnsweredMs = sentMs
  }
  close(endMs)
  return {
    requests: requests.length,
    failed: requests.filter(({ answered }) => !answered).length,
    longestGapMs: Math.round(longestGapMs),
  }
}
