import { cutEnd } from './cut.ts'

/** Enough for an error page's message or a JSON problem document; the rest of a page is markup. */
const mostCharacters = 2_000

/**
 * The beginning of an answer's body for a report: at most 2,000 characters, in which control characters other than line
 * breaks and tabs are shown as `\u001b`.
 * @returns `(empty)` for a body without text
 */
export function excerpt(body: string): string {
  const text = body.trim()
  if (text === '') return '(empty)'
  return cutEnd(text, mostCharacters)
    .replace(/\r\n?/g, '\n')
    .replace(/(?![\n\t])\p{C}/gu, each => `\\u${(each.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
}
