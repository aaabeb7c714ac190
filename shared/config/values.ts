import { InputError } from '../outcome/errors.ts'

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const unitBytes = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, KB: 1e3, MB: 1e6, GB: 1e9 } as const

export const accepted = {
  duration: 'a duration like 90s, 5m or 1h30m',
  size: 'a size like 512MiB or 2GiB',
  percent: 'a percentage like 85% or 0.5%',
  moment:
    'a date and time like 2026-12-20 18:00, a day of the week and time like Fri 16:00, or a time like 22:00',
} as const

/**
 * `90s`, `5m`, `1h30m`, `250ms` in milliseconds. A bare number is refused: its unit would be a guess.
 * @param where the input's name or `file:line`, for the error
 */
export function parseDuration(where: string, text: string): number {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) throw InputError.of(where, text, accepted.duration)
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(?<![\d.])(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * unitMs[unit as keyof typeof unitMs]
  }
  if (total > Number.MAX_SAFE_INTEGER) throw InputError.of(where, text, accepted.duration)
  return total
}

/** `512MiB`, `2GiB`, `1GB` in bytes. */
export function parseSize(where: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB|KB|MB|GB)$/.exec(text)
  const bytes = Math.round(Number(match?.[1] ?? NaN) * unitBytes[match?.[2] as keyof typeof unitBytes])
  if (!Number.isSafeInteger(bytes)) throw InputError.of(where, text, accepted.size)
  return bytes
}

/** `85%` as 0.85. */
export function parsePercent(where: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text)
  const value = Number(match?.[1] ?? NaN) / 100
  if (!(value >= 0 && value <= 1)) throw InputError.of(where, text, accepted.percent)
  return value
}

/** Milliseconds as people read them: `840 ms`, `12.3 s`, `4 min 10 s`, `3 h 5 min`. */
export function showDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`
}

/** A moment as people read it: `2026-11-23 07:10 UTC`. */
export function showMinute(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`
}

/** Bytes as people read them: `512 B`, `1.4 GiB`. */
export function showSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const amount = bytes / 2 ** (10 * power)
  return `${power === 0 ? String(amount) : amount.toFixed(1)} ${units[power] ?? 'B'}`
}
