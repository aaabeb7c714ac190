import type { Evidence } from '../outcome/outcome.ts'
import type { Environment } from '../config/environment.ts'
import { showDuration } from '../config/values.ts'
import type { Manifest } from './storage/manifest.ts'

/*
 * RPO: how much may be lost, so how old the newest verified backup may be at any moment. RTO: how long it may take until
 * the database is back. Both are measured here, and held against what the runbook says.
 */

/** One objective, and what was measured. */
export interface Measured {
  /** Milliseconds; undefined when there was nothing to measure. */
  ms: number | undefined
  objectiveMs: number
}

export function isMissed({ ms, objectiveMs }: Measured): boolean {
  return ms !== undefined && ms > objectiveMs
}

/**
 * What could have been lost at the worst moment.
 * @param what names what was measured: `the verified backup before is 31 min older`
 */
export function rpoEvidence(measured: Measured, what: (age: string) => string, otherwise: string): Evidence {
  return evidenceOf('RPO', measured, what, otherwise)
}

/** How long the database was on its way back. */
export function rtoEvidence(measured: Measured, what: (time: string) => string, otherwise: string): Evidence {
  return evidenceOf('RTO', measured, what, otherwise)
}

function evidenceOf(
  subject: string,
  measured: Measured,
  what: (shown: string) => string,
  otherwise: string,
): Evidence {
  const { ms, objectiveMs } = measured
  const objective = `the objective is ${showDuration(objectiveMs)}`
  if (ms === undefined) return { subject, finding: `${otherwise}; ${objective}`, tone: 'note' }
  const tone = isMissed(measured) ? 'warn' : 'good'
  return { subject, finding: `${what(showDuration(ms))}; ${objective}`, tone }
}

/** As an output: whole milliseconds, empty when nothing was measured. */
export function showMeasured({ ms }: Measured): string {
  return ms === undefined ? '' : String(Math.round(ms))
}

/**
 * What a backup says of both.
 * @param backup what the runbook says; without it nothing is held against anything
 * @param before when the verified backup before was taken, ISO 8601; undefined when there is none
 */
export function measureBackup(
  backup: Environment['backup'],
  { takenAt, verified }: Manifest,
  before: string | undefined,
): { evidence: Evidence[]; outputs: Record<'rpo-ms' | 'rto-ms', string> } {
  const gap = before === undefined ? undefined : Date.parse(takenAt) - Date.parse(before)
  const rpo = { ms: gap, objectiveMs: backup?.rpoMs ?? 0 }
  const rto = {
    ms: verified.how === 'restore' ? verified.durationMs : undefined,
    objectiveMs: backup?.rtoMs ?? 0,
  }
  const outputs = { 'rpo-ms': showMeasured(rpo), 'rto-ms': showMeasured(rto) }
  if (!backup) return { evidence: [], outputs }
  return {
    outputs,
    evidence: [
      rpoEvidence(
        rpo,
        age => `the verified backup before was taken ${age} earlier`,
        'this is the first verified backup',
      ),
      rtoEvidence(rto, time => `restoring and comparing it took ${time}`, 'it was not restored'),
    ],
  }
}
