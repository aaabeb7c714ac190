/** One combination of a matrix. */
export type Combination = Record<string, unknown>

/** The combinations of an evaluated `strategy.matrix`, in GitHub's order; one that is empty where there is no matrix. */
export function combinationsOf(matrix: unknown): Combination[] {
  if (matrix === undefined || matrix === null) return [{}]
  const {
    include = [],
    exclude = [],
    ...axes
  } = matrix as {
    include?: Combination[]
    exclude?: Combination[]
  } & Record<string, unknown[]>
  const names = Object.keys(axes)
  const all = names.reduce<Combination[]>(
    (combinations, name) =>
      combinations.flatMap(each => (axes[name] ?? []).map(value => ({ ...each, [name]: value }))),
    [{}],
  )
  const kept = (names.length === 0 ? [] : all).filter(
    each => !exclude.some(without => agrees(without, each, Object.keys(without))),
  )
  const extended = kept.map(each =>
    include
      .filter(more =>
        agrees(
          more,
          each,
          names.filter(name => name in more),
        ),
      )
      .filter(more => names.some(name => name in more))
      .reduce<Combination>((sum, more) => ({ ...sum, ...more }), each),
  )
  const added = include.filter(
    more =>
      !kept.some(each =>
        agrees(
          more,
          each,
          names.filter(name => name in more),
        ),
      ) || kept.length === 0,
  )
  return [...extended, ...added]
}

function agrees(one: Combination, other: Combination, names: string[]): boolean {
  return names.every(name => JSON.stringify(one[name]) === JSON.stringify(other[name]))
}
