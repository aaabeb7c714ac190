import { cutEnd } from '../../outcome/cut.ts'
import { quote } from '../../outcome/errors.ts'
import { resources, type Resource } from '../statistics/seen.ts'

/** The guide's path for the detailed state; its answer is read as `StatusReport`. */
export const statusPath = '/api/v1/status'

/** How much of something is in use: a share of 1, and what 1 is. */
export interface Usage {
  share: number
  of: string
}

/** What an answer of `/api/v1/status` says, as far as the gate asks. */
export interface StatusReport {
  /** Dependencies that the service says are down: `database is down (connection refused)`. */
  failures: string[]
  /** What it should tell and does not. */
  gaps: string[]
  usage: Partial<Record<Resource, Usage | Untold>>
}

/** Why it is not known how much is in use. */
export interface Untold {
  gap: string
}

const dependencies = ['database', 'cache']
const well = new Set(['up', 'ok', 'healthy', 'pass'])

/**
 * Reads `{checks: {database: {status}, cache: {status}, memory: {usedPercent, of}, cpu: ..., disk: ...}}`. A number
 * that is not there, or is no number, is a gap: a verdict must not be founded on what was told before.
 */
export function readStatus(document: unknown): StatusReport {
  const checks = object(object(document)?.['checks'])
  if (!checks) return { failures: [], gaps: [`${statusPath} answers without "checks"`], usage: {} }
  const report: StatusReport = { failures: [], gaps: [], usage: {} }
  for (const name of dependencies) {
    const { status, reason } = object(checks[name]) ?? {}
    if (typeof status !== 'string') report.gaps.push(`${statusPath} says nothing of the ${name}`)
    else if (!well.has(status.toLowerCase()))
      report.failures.push(
        `${name} is ${cutEnd(status, 40)}${typeof reason === 'string' ? ` (${quote(reason)})` : ''}`,
      )
  }
  for (const name of resources) report.usage[name] = readUsage(name, object(checks[name]))
  return report
}

function readUsage(name: Resource, usage: Record<string, unknown> | undefined): Usage | Untold {
  const used = usage?.['usedPercent']
  if (typeof used !== 'number' || !Number.isFinite(used) || used < 0)
    return { gap: `${statusPath} tells no number as checks.${name}.usedPercent` }
  const of = usage?.['of']
  return { share: used / 100, of: typeof of === 'string' ? cutEnd(of, 60) : 'an unnamed whole' }
}

function object(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
}
