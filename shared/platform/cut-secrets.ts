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

  const beginsBefore = (text: string, end: number): Range | undefined => {
    for (let start = Math.max(0, end - longest); start <= end - keyLength; start++) {
      const values = heads.get(text.slice(start, start + keyLength))
      if (!values) continue
      const piece = text.slice(start, end)
      if (values.some(value => isPiece(piece, value) && value.startsWith(piece))) return { start, end }
    }
    return undefined
  }
  const endsAfter = (text: string, start: number): Range | undefined => {
    for (let end = Math.min(text.length, start + longest); end >= start + keyLength; end--) {
      const values = tails.get(text.slice(end - keyLength, end))
      if (!values) continue
      const piece = text.slice(start, end)
      if (values.some(value => isPiece(piece, value) && value.endsWith(piece))) return { start, end }
    }
    return undefined
  }
  const liesBetween = (text: string, start: number, end: number): Range | undefined => {
    if (end - start < leastPiece || end - start > longest) return undefined
    const piece = text.slice(start, end)
    return all.some(value => value.includes(piece)) ? { start, end } : undefined
  }

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
      const found = cuts.flatMap(({ start, end }, index) => [
        ...edgesBefore(text, start, end).map(edge => beginsBefore(text, edge)),
        ...edgesAfter(text, start, end).map(edge => endsAfter(text, edge)),
        liesBetween(text, end, cuts[index + 1]?.start ?? end),
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
