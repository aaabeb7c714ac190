import type { Range } from './cut-secrets.ts'

/** Values are found by their first characters; shorter ones are not looked for at all. */
export const leastNeedle = 4

/** Many values that are looked for in a text at once. */
export interface Needles {
  add(value: string): void
  /** Where they stand, in the order of the text. The text is gone through once, however many there are. */
  find(text: string): Range[]
}

export function createNeedles(): Needles {
  const byStart = new Map<number, string[]>()
  const known = new Set<string>()
  // Most places of a text begin no value, which two of their characters tell.
  const begins = new Uint8Array(1 << 16)
  return {
    add(value) {
      if (value.length < leastNeedle || known.has(value)) return
      known.add(value)
      begins[pairAt(value, 0)] = 1
      const key = keyAt(value, 0)
      const values = byStart.get(key)
      if (values) values.push(value)
      else byStart.set(key, [value])
    },
    find(text) {
      const found: Range[] = []
      if (known.size === 0) return found
      for (let at = 0; at + leastNeedle <= text.length; at++) {
        if (begins[pairAt(text, at)] === 0) continue
        for (const value of byStart.get(keyAt(text, at)) ?? [])
          if (text.startsWith(value, at)) found.push({ start: at, end: at + value.length })
      }
      return found
    },
  }
}

/** Texts are of bytes here (`decoded.ts`); of a wider character, the lower byte is taken. */
function pairAt(text: string, at: number): number {
  return (text.charCodeAt(at) & 0xff) | ((text.charCodeAt(at + 1) & 0xff) << 8)
}

function keyAt(text: string, at: number): number {
  return pairAt(text, at) | (pairAt(text, at + 2) << 16)
}
