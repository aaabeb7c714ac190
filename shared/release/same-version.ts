import type { Entry, Ledger } from './ledger.ts'

/**
 * The newest release that had the same version and was made of something else: of another digest of a registry, or of
 * another commit. What has no such name (an image of the host, a folder with changes) is not compared; nor is `r0`, which
 * was not released from here.
 */
export function sameVersionElse(
  { entries }: Pick<Ledger, 'entries'>,
  version: string,
  image: string,
): Entry | undefined {
  const wanted = contentOf(image)
  if (wanted === undefined) return undefined
  return entries.findLast(entry => {
    const found = contentOf(entry.image)
    return entry.id !== 'r0' && entry.version === version && found !== undefined && found !== wanted
  })
}

function contentOf(image: string): string | undefined {
  return /^(?:.+@(sha256:[0-9a-f]{64})|(git:[0-9a-f]{40,64}))$/.exec(image)?.slice(1).find(Boolean)
}
