import { createCutSecrets, type Range } from './cut-secrets.ts'
import { decodedOf, foldBlanks, joinHexDigits, joinLines, placeIn, viewsOf, type View } from './decoded.ts'
import { base64FormsOf, encodingsOf, hexFormsOf } from './encodings.ts'
import { createNeedles, leastNeedle, type Needles } from './needles.ts'
import { secretPartsOf } from './secret-parts.ts'

/** Values that must never be shown. Everything that is logged, rendered or put out passes through `redact`. */
export interface Secrets {
  /**
   * From now on `value`, and what of its lines is secret by itself (`secret-parts.ts`), is shown as `***`: as it is, and in
   * any form that programs write it in, also one within another. Values under 4 characters are not hidden.
   */
  add(value: string): void
  /** Hides what is known, and what is left of it where a text was cut before: see `outcome/cut.ts`. */
  redact(text: string): string
  /** The same for a text that others may have cut at either end, without a mark: what a node keeps of a log. */
  redactPiece(text: string): string
}

/**
 * A text is not searched for every form of a value; it is decoded, pass by pass, and every form of the text is searched for
 * the values. Base64 and hexadecimal digits, which stand in longer texts at any offset, are the exception.
 * @param announce given each new value of one line, so that a runner masks it in other programs' output
 */
export function createSecrets(announce: (value: string) => void = () => undefined): Secrets {
  const added = new Set<string>()
  const [written, folded, base64, hex] = [createNeedles(), createNeedles(), createNeedles(), createNeedles()]
  const [cut, cutDecoded] = [createCutSecrets(), createCutSecrets()]
  const learn = (value: string) => {
    if (value.length < leastNeedle || added.has(value)) return
    added.add(value)
    for (const bytes of new Set([utf8(value), decodedOf(value)])) {
      put([written], bytes)
      put([written, folded], bytes.replace(/\s+|\+/g, ' '))
      if (bytes.length >= leastNeedle) cutDecoded.add(bytes)
    }
    // Of a value with `%41` or `\\n` in it, a pass over an encoded text may decode too much; the pass before had its encoded form.
    if (decodedOf(value) !== utf8(value)) for (const form of encodingsOf(value)) put([written], utf8(form))
    for (const form of base64FormsOf(value)) put([written, base64], form)
    for (const digits of hexFormsOf(value)) {
      put([written, hex], digits)
      put([written], digits.toUpperCase())
    }
    for (const form of [value, ...encodingsOf(value)]) if (form.length >= leastNeedle) cut.add(form)
  }
  const hide = (text: string, open: 'none' | 'both') => {
    if (added.size === 0 || text.length < leastNeedle) return text
    const views = viewsOf(text)
    const last = views.at(-1)
    const found = views.flatMap(view => [
      ...placesIn(view, written),
      ...placesIn(foldBlanks(view), folded),
      ...placesIn(joinLines(view), base64),
      ...placesIn(joinHexDigits(view), hex),
    ])
    const decoded =
      last && views.length > 1 ? placesIn(last, { find: each => cutDecoded.find(each, open) }) : []
    return masked(text, [...found, ...decoded, ...cut.find(text, open)])
  }
  return {
    add(value) {
      if (added.has(value)) return
      const { hidden, masked } = secretPartsOf(value)
      const isNew = masked.filter(part => part.length >= leastNeedle && !added.has(part))
      for (const part of hidden) learn(part)
      added.add(value)
      for (const part of new Set(isNew)) announce(part)
    },
    redact: text => hide(text, 'none'),
    redactPiece: text => hide(text, 'both'),
  }
}

function utf8(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function put(into: Needles[], value: string): void {
  for (const each of into) each.add(value)
}

/** Where in the text itself stands what is found in one of its views. */
function placesIn(view: View | undefined, { find }: Pick<Needles, 'find'>): Range[] {
  return view ? find(view.text).map(({ start, end }) => placeIn(view, start, end)) : []
}

/** The text with every range replaced; those that overlap are one. */
function masked(text: string, ranges: Range[]): string {
  let shown = ''
  let end = 0
  for (const range of ranges.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (range.start >= end) shown += `${text.slice(end, range.start)}***`
    end = Math.max(end, range.end)
  }
  return shown + text.slice(end)
}
