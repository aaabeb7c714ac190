import { quote } from '../outcome/errors.ts'
import { resources, type Reading, type Resource } from './verdict.ts'

/** The guide's path for the detailed state; its answer is read as `StatusReport`. */
export const statusPath = '/api/v1/status'

/** What an answer of `/api/v1/status` says, as far as the gate asks. */
export interface StatusReport {
  /** Dependencies that the service says are down: `database is down (connection refused)`. */
  failures: string[]
  /** What it should tell and does not. */
  gaps: string[]
  readings: Partial<Record<Resource, Reading>>
}

const dependencies = ['database', 'cache']
const well = new Set(['up', 'ok', 'healthy', 'pass'])

/**
 * Reads `{checks: {database: {status}, cache: {status}, memory: {usedPercent, of}, cpu: ..., disk: ...}}`. A number
 * that is not there, or is no number, is no reading: the verdict sees that it is missing.
 */
export function readStatus(body: string): StatusReport {
  const checks = object(object(parse(body))?.['checks'])
  if (!checks) return { failures: [], gaps: [`${statusPath} answers without "checks"`], readings: {} }
  const report: StatusReport = { failures: [], gaps: [], readings: {} }
  for (const name of dependencies) {
    const { status, reason } = object(checks[name]) ?? {}
    if (typeof status !== 'string') report.gaps.push(`${statusPath} says nothing of the ${name}`)
    else if (!well.has(status.toLowerCase()))
      report.failures.push(
        `${name} is ${status.slice(0, 40)}${typeof reason === 'string' ? ` (${quote(reason)})` : ''}`,
      )
  }
  for (const name of resources) {
    const reading = readShare(object(checks[name]))
    if (reading) report.readings[name] = reading
  }
  return report
}

function readShare(usage: Record<string, unknown> | undefined): Reading | undefined {
  const used = usage?.['usedPercent']
  if (typeof used !== 'number' || !Number.isFinite(used) || used < 0) return undefined
  const of = usage?.['of']
  return { share: used / 100, of: typeof of === 'string' ? of.slice(0, 60) : 'an unnamed whole' }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function object(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
}
