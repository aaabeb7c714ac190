/** One line of a comparison: ` ` is in both, `-` only before, `+` only after. */
export interface Line {
  mark: ' ' | '-' | '+'
  text: string
}

/** Beyond so many differing lines the two are not aligned any more: the whole middle is shown as replaced. */
const alignedEdits = 400

/**
 * The shortest way from one text to another, line by line (E. Myers, "An O(ND) Difference Algorithm and Its Variations",
 * 1986).
 */
export function compareLines(before: string[], after: string[]): Line[] {
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head++
  let tail = 0
  while (
    tail < before.length - head &&
    tail < after.length - head &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  )
    tail++
  const same = (text: string): Line => ({ mark: ' ', text })
  return [
    ...before.slice(0, head).map(same),
    ...align(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(same),
  ]
}

function align(before: string[], after: string[]): Line[] {
  const most = Math.min(before.length + after.length, alignedEdits)
  const trace: Map<number, number>[] = []
  // `reach` holds, for each diagonal, how far into `before` the paths with so many edits come.
  let reach = new Map([[1, 0]])
  for (let edits = 0; edits <= most; edits++) {
    trace.push(reach)
    const next = new Map(reach)
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = startOf(reach, diagonal, edits)
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x++
      next.set(diagonal, x)
      if (x >= before.length && x - diagonal >= after.length) return walkBack(trace, before, after)
    }
    reach = next
  }
  return [
    ...before.map((text): Line => ({ mark: '-', text })),
    ...after.map((text): Line => ({ mark: '+', text })),
  ]
}

/** Whether a path of so many edits comes to its diagonal by an insertion or by a removal. */
function inserts(reach: Map<number, number>, diagonal: number, edits: number): boolean {
  const [above, below] = [reach.get(diagonal + 1) ?? -1, reach.get(diagonal - 1) ?? -1]
  return diagonal === -edits || (diagonal !== edits && below < above)
}

function startOf(reach: Map<number, number>, diagonal: number, edits: number): number {
  return inserts(reach, diagonal, edits) ? (reach.get(diagonal + 1) ?? 0) : (reach.get(diagonal - 1) ?? 0) + 1
}

function walkBack(trace: Map<number, number>[], before: string[], after: string[]): Line[] {
  const lines: Line[] = []
  let [x, y] = [before.length, after.length]
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const reach = trace[edits] ?? new Map<number, number>()
    const diagonal = x - y
    const inserted = inserts(reach, diagonal, edits)
    const from = startOf(reach, diagonal, edits)
    while (x > from && x > 0 && y > 0) {
      x--
      y--
      lines.push({ mark: ' ', text: before[x] ?? '' })
    }
    if (edits === 0) break
    if (inserted) lines.push({ mark: '+', text: after[--y] ?? '' })
    else lines.push({ mark: '-', text: before[--x] ?? '' })
  }
  return lines.toReversed()
}
