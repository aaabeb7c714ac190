/** One measured figure beside its peer's, from the same run. */
export interface Measurement {
  name: string
  value: number
  unit: string
  /** The peer, and its figure in the same unit. */
  versus: string
  /** What the figure should be, in words: `at most 100 ms over bare node`. */
  aim: string
  met: boolean
  /** ISO 8601. */
  at: string
  note: string
  /** For the page: what others took for the same, in the same unit. */
  beside?: Beside[]
  /** For the page, beside our own figure: when it alone would mislead. */
  ours?: string
  /** For the page: what one figure cannot show. */
  plot?: LinePlot
}

export interface LinePlot {
  /** What the figures on both axes are. */
  x: string
  y: string
  series: { name: string; points: [x: number, y: number][] }[]
  /** Drawn across: `aim`. */
  limit?: { name: string; y: number }
}

export interface Beside {
  name: string
  value: number
  /** When the figure alone would mislead: `calls it a success`. */
  says?: string
}

/** One benchmark: it measures, or says in a note why it cannot. */
export interface Bench {
  name: string
  run(): Promise<Measurement[]>
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}

/** A measurement that could not be made. */
export function unmeasured(name: string, aim: string, why: string): Measurement {
  return {
    name,
    value: 0,
    unit: '',
    versus: '',
    aim,
    met: false,
    at: new Date().toISOString(),
    note: `not measured: ${why}`,
  }
}
