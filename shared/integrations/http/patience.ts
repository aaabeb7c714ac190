import type { Clock } from '../../host/clock.ts'
import type { Http, HttpAnswer, HttpRequest } from './http.ts'

/** The most that one request is sent: a service that still refuses then will refuse the next one too. */
const mostTries = 4
/** The wait when a service says that it is busy, and not for how long; doubled at each try. */
const firstWaitMs = 500

/**
 * Sends a request, and again when the answer says that it was not carried out and may be later: 429, 503, or another
 * refusal with `Retry-After` (GitHub's secondary limits answer 403 with it). A request that may have been carried out is
 * never sent twice.
 * @param request its `timeoutMs` bounds all tries and waits together
 * @returns the last answer, whatever it is: also a refusal, when waiting for what it asks would take too long
 */
export async function requestPatiently(http: Http, request: HttpRequest, clock: Clock): Promise<HttpAnswer> {
  const deadline = clock.elapsed() + request.timeoutMs
  for (let attempt = 1; ; attempt += 1) {
    const answer = await http.request({ ...request, timeoutMs: Math.max(1, deadline - clock.elapsed()) })
    const waitMs = waitBefore(answer, attempt, clock.now())
    if (waitMs === undefined || attempt === mostTries || clock.elapsed() + waitMs >= deadline) return answer
    await clock.sleep(waitMs, request.signal)
  }
}

function waitBefore({ status, headers }: HttpAnswer, attempt: number, now: number): number | undefined {
  if (status < 400) return undefined
  const asked = retryAfter(headers['retry-after'], now)
  if (asked !== undefined) return asked
  return status === 429 || status === 503 ? firstWaitMs * 2 ** (attempt - 1) : undefined
}

/**
 * Reads `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
 * @param now milliseconds since 1970
 * @returns milliseconds to wait; undefined when the header is missing or says nothing
 */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
