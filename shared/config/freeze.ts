/** A time when nothing is deployed, as the runbook has it. */
export interface FreezeWindow {
  /** All three kinds are local times of `timeZone`: `2026-12-20 18:00`, `Fri 16:00`, `22:00`. */
  from: string
  to: string
  timeZone: string
  reason: string
}

/** One end of a window: of one kind with the other end, and comparable with it. */
export interface Bound {
  kind: 'date' | 'week' | 'day'
  /** Sorts as time does: `2026-12-20 18:00`, `5 16:00`, `22:00`. */
  key: string
}

const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** `2026-12-20 18:00`, `2026-12-20`, `Fri 16:00`, `22:00`; undefined for anything else. */
export function parseBound(text: string): Bound | undefined {
  const [, date, day, time] =
    /^(?:(\d{4}-\d{2}-\d{2})|(sun|mon|tue|wed|thu|fri|sat)[a-z]*)?[ T]?((?:[01]\d|2[0-3]):[0-5]\d)?$/i.exec(
      text,
    ) ?? []
  if (date !== undefined && isInCalendar(date)) return { kind: 'date', key: `${date} ${time ?? '00:00'}` }
  if (day !== undefined) return { kind: 'week', key: `${days.indexOf(day.toLowerCase())} ${time ?? '00:00'}` }
  if (date === undefined && time !== undefined) return { kind: 'day', key: time }
  return undefined
}

/** `Date` takes the 30th of February for the 2nd of March. */
function isInCalendar(date: string): boolean {
  const parsed = new Date(date)
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(date)
}

/**
 * Whether a moment lies in a window. Both are compared on the clock on the wall of the window's time zone, so that
 * daylight saving needs no rule of its own. `to` is the first minute that is free again.
 * @param at milliseconds since 1970
 */
export function isFrozen({ from, to, timeZone }: FreezeWindow, at: number): boolean {
  const [begin, end] = [parseBound(from), parseBound(to)]
  if (!begin || !end) return false
  const now = wallClock(at, timeZone)[begin.kind]
  if (begin.kind === 'date' || begin.key <= end.key) return begin.key <= now && now < end.key
  // Over the end of the week, or of the day.
  return begin.key <= now || now < end.key
}

function wallClock(at: number, timeZone: string): Record<Bound['kind'], string> {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    weekday: 'short',
  }).formatToParts(at)
  const part = (type: string) => parts.find(each => each.type === type)?.value ?? ''
  const time = `${part('hour')}:${part('minute')}`
  return {
    date: `${part('year')}-${part('month')}-${part('day')} ${time}`,
    week: `${days.indexOf(part('weekday').toLowerCase())} ${time}`,
    day: time,
  }
}
