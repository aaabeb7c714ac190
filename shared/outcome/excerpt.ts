import { cutEnd } from './cut.ts'
import { printable } from './printable.ts'

/** Enough for an error page's message or a JSON problem document; the rest of a page is markup. */
const mostCharacters = 2_000

/**
 * The beginning of an answer's body for a report: at most 2,000 characters, as it may be printed
 * (`printable.ts`).
 * @returns `(empty)` for a body without text
 */
export function excerpt(body: string): string {
  const text = body.trim()
  if (text === '') return '(empty)'
  return printable(cutEnd(text, mostCharacters))
}
