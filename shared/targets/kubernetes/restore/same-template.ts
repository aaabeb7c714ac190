import type { PodTemplate } from '../manifests/objects.ts'

/**
 * Whether a recorded pod template is the one that a controller keeps. The API server has filled the latter up with
 * defaults, so everything that was recorded has to be in it, lists with the same number of items; and what is
 * added by hand most often (a variable, a container, a volume) makes a list longer.
 */
export function sameTemplate(recorded: PodTemplate | undefined, kept: PodTemplate): boolean {
  return recorded !== undefined && within(recorded, kept)
}

function within(recorded: unknown, kept: unknown): boolean {
  if (Array.isArray(recorded)) {
    // An empty list and none at all are the same to the API.
    const list = Array.isArray(kept) ? (kept as unknown[]) : []
    return list.length === recorded.length && recorded.every((item, index) => within(item, list[index]))
  }
  if (typeof recorded !== 'object' || recorded === null) return same(recorded, kept)
  const other = (kept ?? {}) as Record<string, unknown>
  return (
    Object.entries(recorded).every(([key, value]) => within(value, other[key])) &&
    lists.every(key => key in recorded || !isFilled(other[key]))
  )
}

/** Lists to which people add by hand, and which the API server leaves empty by itself. */
const lists = ['env', 'envFrom', 'args', 'command', 'volumeMounts', 'initContainers']

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0
}

/** Quantities may be written differently from how they are kept (`0.5` and `500m`): numbers and texts are compared as text. */
function same(recorded: unknown, kept: unknown): boolean {
  return recorded === kept || (isPlain(recorded) && isPlain(kept) && String(recorded) === String(kept))
}

function isPlain(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}
