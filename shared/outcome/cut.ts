/**
 * Stands where text was left out. Half a secret is not among the known secrets, so `Secrets.redact` looks for such halves
 * beside this mark: whatever is cut before it is redacted is cut by one of these functions.
 */
const cutMark = '...'

/** The beginning of a text: at most so many characters, the mark among them. */
export function cutEnd(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - cutMark.length))}${cutMark}`
}

/** The beginning of a text: at most so many bytes of UTF-8, and no part of a character. */
export function cutBytes(text: string, most: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= most) return text
  let end = Math.max(0, most)
  // 10xxxxxx goes on with the character before it.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/** The end of a text: at most so many characters, the mark among them. */
export function cutStart(text: string, most: number): string {
  return text.length <= most ? text : `${cutMark}${lastOf(text, most - cutMark.length)}`
}

/**
 * Both ends of a text.
 * @param most characters that it may have before any are left out
 * @param mark stands in between: begins and ends with `cutMark`, around which one blank or line break may stand
 */
export function cutMiddle(text: string, most: number, head: number, tail: number, mark: string): string {
  return text.length <= most ? text : `${text.slice(0, head)}${mark}${lastOf(text, tail)}`
}

/** Keeps the end of what comes piece by piece. */
export interface Tail {
  add(chunk: string): void
  /** What is kept; it begins with the mark when there was more. */
  text(): string
}

/** @param most characters that are kept, beside the mark */
export function createTail(most: number): Tail {
  let kept = ''
  let more = false
  return {
    add(chunk) {
      kept += chunk
      if (kept.length <= most) return
      more = true
      kept = lastOf(kept, most)
    },
    text: () => (more ? `${cutMark}${kept}` : kept),
  }
}

function lastOf(text: string, count: number): string {
  return count > 0 ? text.slice(-count) : ''
}
