/**
 * A text without what stands at its end, in time that is linear in its length: an expression like `/\/+$/` is tried anew at
 * every sign of it.
 * @param signs each of them is taken away, as often as it stands there
 */
export function withoutEnd(text: string, signs: string): string {
  let end = text.length
  while (end > 0 && signs.includes(text.charAt(end - 1))) end--
  return text.slice(0, end)
}

/** The same for its beginning. */
export function withoutStart(text: string, signs: string): string {
  let start = 0
  while (start < text.length && signs.includes(text.charAt(start))) start++
  return text.slice(start)
}

/** What stands before the first of some signs; the whole where there is none. */
export function before(text: string, signs: string): string {
  let end = 0
  while (end < text.length && !signs.includes(text.charAt(end))) end++
  return text.slice(0, end)
}
