import { hideInline } from '../../config/inline-secrets.ts'
import type { ProcessPayload } from './payload.ts'

/** What a release changes, line by line, with the names of variables only: their values are secrets. */
export function diffOf(before: ProcessPayload['body'], after: ProcessPayload['body']): string {
  const lines = (['source', 'path', 'within', 'start'] as const)
    .filter(key => before[key] !== after[key])
    .map(key => `${key}: ${shown(before[key])} -> ${shown(after[key])}`)
  const names = [...new Set([...Object.keys(before.env), ...Object.keys(after.env)])].toSorted()
  for (const name of names) {
    const [from, to] = [before.env[name], after.env[name]]
    if (from === to) continue
    lines.push(`env ${name}: ${from === undefined ? 'added' : to === undefined ? 'removed' : 'changed'}`)
  }
  return lines.join('\n')
}

/** A command line may have passwords in it. */
function shown(text: string): string {
  return hideInline(text, () => '(hidden)')
}
