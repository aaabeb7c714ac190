/** Characters of a text, from `start` up to `end`. */
export interface Range {
  start: number
  end: number
}

/** So many characters of a long secret beside a cut are hidden; of a short one, half of it. */
const leastPiece = 8
/** Values are found by their first and last characters; shorter ones are not hidden at all. */
const keyLength = 4

/** Finds what is left of secrets where a text was cut (`outcome/cut.ts`). */
export interface CutSecrets {
  add(value: string): void
  /** @param open ends of the text at which something may be missing without a mark */
  find(text: string, open: 'none' | 'both'): Range[]
}

export function createCutSecrets(): CutSecrets {
  const heads = new Map<string, string[]>()
  const tails = new Map<string, string[]>()
  const all: string[] = []
  let longest = 0

  const beginsBefore = (text: string, starts: number[], end: number): Range | undefined => {
    for (let at = firstFrom(starts, end - longest); at < starts.length; at++) {
      const start = starts[at] ?? end
      if (start > end - keyLength) return undefined
      const piece = text.slice(start, end)
      const values = heads.get(piece.slice(0, keyLength)) ?? []
      if (values.some(value => isPiece(piece, value) && value.startsWith(piece))) return { start, end }
    }
    return undefined
  }
  const endsAfter = (text: string, ends: number[], start: number): Range | undefined => {
    for (let at = firstFrom(ends, start + longest + 1) - 1; at >= 0; at--) {
      const end = ends[at] ?? start
      if (end < start + keyLength) return undefined
      const piece = text.slice(start, end)
      const values = tails.get(piece.slice(-keyLength)) ?? []
      if (values.some(value => isPiece(piece, value) && value.endsWith(piece))) return { start, end }
    }
    return undefined
  }
  const within = (piece: string) =>
    piece.length >= leastPiece && piece.length <= longest && all.some(value => value.includes(piece))

  return {
    add(value) {
      all.push(value)
      longest = Math.max(longest, value.length)
      put(heads, value.slice(0, keyLength), value)
      put(tails, value.slice(-keyLength), value)
    },
    find(text, open) {
      const cuts = cutsIn(text)
      if (open === 'both') cuts.push({ start: text.length, end: text.length })
      if (open === 'both') cuts.unshift({ start: 0, end: 0 })
      if (cuts.length === 0 || all.length === 0) return []
      const starts = placesOf(text, heads)
      const ends = placesOf(text, tails).map(at => at + keyLength)
      // The same line comes again and again in the log of a program that shows how far it is.
      const looked = new Map<string, boolean>()
      const between = (from: number, to: number): Range | undefined => {
        const piece = text.slice(from, to).trim()
        const hidden = looked.get(piece) ?? within(piece)
        looked.set(piece, hidden)
        return hidden ? { start: from, end: to } : undefined
      }
      const found = cuts.flatMap(({ start, end }, index) => [
        ...edgesBefore(text, start, end).map(edge => beginsBefore(text, starts, edge)),
        ...edgesAfter(text, start, end).map(edge => endsAfter(text, ends, edge)),
        between(end, cuts[index + 1]?.start ?? end),
      ])
      return found.filter(range => range !== undefined)
    },
  }
}

function put(into: Map<string, string[]>, key: string, value: string): void {
  const values = into.get(key)
  if (values) values.push(value)
  else into.set(key, [value])
}

/** Where in a text the beginnings, or the ends, of values stand; ascending. */
function placesOf(text: string, keys: Map<string, string[]>): number[] {
  const found: number[] = []
  for (let at = 0; at + keyLength <= text.length; at++)
    if (keys.has(text.slice(at, at + keyLength))) found.push(at)
  return found
}

/** The index of the first of ascending numbers that is at least so high. */
function firstFrom(ascending: number[], least: number): number {
  let [low, high] = [0, ascending.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ascending[middle] ?? 0) < least) low = middle + 1
    else high = middle
  }
  return low
}

/** Whether it is too much of a value to be seen. */
function isPiece(piece: string, value: string): boolean {
  return piece.length >= Math.min(leastPiece, Math.max(keyLength, Math.ceil(value.length / 2)))
}

/** The marks of a text, each as long as its dots go on: some of them may be the secret's own. */
function cutsIn(text: string): Range[] {
  return [...text.matchAll(/\.{3,}|…/g)].map(({ 0: mark, index }) => ({
    start: index,
    end: index + mark.length,
  }))
}

/** Where what stands before a mark may end: before the blank before it, or after dots that belong to it. */
function edgesBefore(text: string, start: number, end: number): number[] {
  const own = Math.min(Math.max(0, end - start - 3), leastPiece)
  const edges = Array.from({ length: own + 1 }, (_, dots) => start + dots)
  return /\s/.test(text.charAt(start - 1)) ? [start - 1, ...edges] : edges
}

/** Where what stands after a mark may begin. */
function edgesAfter(text: string, start: number, end: number): number[] {
  const own = Math.min(Math.max(0, end - start - 3), leastPiece)
  const edges = Array.from({ length: own + 1 }, (_, dots) => end - dots)
  return /\s/.test(text.charAt(end)) ? [end + 1, ...edges] : edges
}
