/** What has to be true at the end of an act, and whether it was. */
export interface Checks {
  check: (what: string, ok: boolean) => void
  readonly failed: string[]
}

/** @param say takes one line */
export function createChecks(say: (line: string) => void): Checks {
  const failed: string[] = []
  return {
    failed,
    check(what, ok) {
      if (!ok) failed.push(what)
      say(`${ok ? 'ok ' : 'NOT'} ${what}`)
    },
  }
}
