import { createCutSecrets, type Range } from './cut-secrets.ts'
import { encodingsOf } from './encodings.ts'

/** Values that must never be shown. Everything that is logged, rendered or put out passes through `redact`. */
export interface Secrets {
  /**
   * From now on `value`, and each of its lines, is shown as `***`, also as part of a URL, of JSON or of base64. Values
   * under 4 characters are not masked.
   */
  add(value: string): void
  /** Hides what is known, and what is left of it where a text was cut before: see `outcome/cut.ts`. */
  redact(text: string): string
  /** The same for a text that others may have cut at either end, without a mark: what a node keeps of a log. */
  redactPiece(text: string): string
}

/**
 * @param announce told of each new value, so that a runner can mask it in other programs' output as well
 */
export function createSecrets(announce: (value: string) => void = () => undefined): Secrets {
  const added = new Set<string>()
  const known = new Set<string>()
  const cut = createCutSecrets()
  const learn = (value: string) => {
    if (value.length < 4 || known.has(value)) return
    known.add(value)
    cut.add(value)
    announce(value)
  }
  const hide = (text: string, open: 'none' | 'both') =>
    known.size === 0
      ? text
      : masked(text, [...[...known].flatMap(each => allOf(each, text)), ...cut.find(text, open)])
  return {
    add(value) {
      if (added.has(value)) return
      added.add(value)
      const lines = value.split(/\r?\n/).map(line => line.trim())
      for (const each of new Set([value, ...lines])) {
        learn(each)
        if (each.length >= 4) for (const form of encodingsOf(each)) learn(form)
      }
    },
    redact: text => hide(text, 'none'),
    redactPiece: text => hide(text, 'both'),
  }
}

function allOf(value: string, text: string): Range[] {
  const found: Range[] = []
  for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + value.length))
    found.push({ start: at, end: at + value.length })
  return found
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
