import { encodingsOf } from './encodings.ts'

/** Values that must never be shown. Everything that is logged, rendered or put out passes through `redact`. */
export interface Secrets {
  /**
   * From now on `value`, and each of its lines, is shown as `***`, also as part of a URL, of JSON or of base64. Values
   * under 4 characters are not masked.
   */
  add(value: string): void
  redact(text: string): string
}

/**
 * @param announce told of each new value, so that a runner can mask it in other programs' output as well
 */
export function createSecrets(announce: (value: string) => void = () => undefined): Secrets {
  const known = new Set<string>()
  const learn = (value: string) => {
    if (value.length < 4 || known.has(value)) return
    known.add(value)
    announce(value)
  }
  return {
    add(value) {
      const lines = value.split(/\r?\n/).map(line => line.trim())
      for (const each of new Set([value, ...lines])) {
        learn(each)
        if (each.length >= 4) for (const form of encodingsOf(each)) learn(form)
      }
    },
    redact(text) {
      let shown = text
      for (const value of [...known].sort((a, b) => b.length - a.length))
        shown = shown.replaceAll(value, '***')
      return shown
    },
  }
}
