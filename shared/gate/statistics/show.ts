/** A share of 1 as people read it: `3.3%`. */
export function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))}%`
}

/** A number as people read it: four digits are enough. */
export function figure(value: number): string {
  return String(Number.isFinite(value) ? Number(value.toPrecision(4)) : value)
}
