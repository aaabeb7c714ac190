/** A user alone, without a password, is a token when it is as long as one: `https://ghp_...@github.com/org/service`. */
const leastToken = 20
/** No scheme is longer (`postgresql+psycopg2cffi`). */
const longestScheme = 32

/**
 * Removes the password of every URL, so that no error text carries one: up to the last `@` before the path, or with a `/`,
 * `?` or `#` in it that is not encoded. Linear in the length of the text, whatever it holds.
 */
export function withoutCredentials(text: string): string {
  const at = finderOf(text, /@/g)
  const blank = finderOf(text, /\s/g)
  const path = finderOf(text, /[/?#]/g)
  let shown = ''
  let kept = 0
  for (let sign = text.indexOf('://'); sign >= 0; sign = text.indexOf('://', sign + 3)) {
    const begin = sign + 3
    if (begin <= kept || !endsWithScheme(text.slice(Math.max(0, sign - longestScheme), sign))) continue
    const end = blank(begin)
    const authority = Math.min(end, path(begin))
    const colon = colonIn(text, begin, authority)
    const first = at(begin)
    const last = lastBefore(authority, first, at)
    if (colon >= 0 && !isPort(text, colon, authority)) {
      // Of `user:pass/word@host` the first sign ends it; of `user:p@ss@host` the last before the path.
      const stop = last > colon + 1 ? last : first > colon + 1 && first < end ? first : -1
      if (stop < 0) continue
      shown += `${text.slice(kept, colon)}:***`
      kept = stop
    } else if (last - begin >= leastToken) {
      shown += `${text.slice(kept, begin)}***`
      kept = last
    }
  }
  return shown + text.slice(kept)
}

function endsWithScheme(before: string): boolean {
  return /[a-z][a-z\d+.-]{0,31}$/i.test(before)
}

/** The colon after the user of an authority; -1 when there is none, or something else comes first. */
function colonIn(text: string, begin: number, end: number): number {
  const colon = text.slice(begin, end).search(/[:@[]/)
  return colon >= 0 && text[begin + colon] === ':' ? begin + colon : -1
}

/** `http://host:8080/a@b` and `http://[::1]:8080/a@b` have no user. */
function isPort(text: string, colon: number, end: number): boolean {
  return /^:\d{0,5}$/.test(text.slice(colon, Math.min(end, colon + 7))) && text[end] === '/'
}

/** The last of the places before `end`, of which `first` is the first; -1 when there is none. */
function lastBefore(end: number, first: number, next: (from: number) => number): number {
  let found = -1
  for (let place = first; place < end; place = next(place + 1)) found = place
  return found
}

/** Where a pattern of one character comes next, for questions from left to right; the text's length when it does not. */
function finderOf(text: string, pattern: RegExp): (from: number) => number {
  let known = -1
  return from => {
    if (known >= from) return known
    pattern.lastIndex = from
    known = pattern.exec(text)?.index ?? text.length
    return known
  }
}
