/** Works through all of them, at most `count` at a time; the results come in their order. */
export async function inLanes<T, R>(
  count: number,
  all: T[],
  work: (each: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const lane = async () => {
    for (let index = next++; index < all.length; index = next++) {
      results[index] = await work(all[index] as T, index)
    }
  }
  await Promise.all(Array.from({ length: count }, lane))
  return results
}
