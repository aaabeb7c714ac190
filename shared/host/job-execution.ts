import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const file = 'runbook-job'

/**
 * What tells one execution of a runner's job from every other: two jobs of a matrix, or two calls of one workflow, have
 * the same run and the same GITHUB_JOB. It is a random number in the runner's temporary folder, which all steps of a job
 * share and which the runner empties at the start and the end of each job; where that cannot be written, the number that
 * the runner gives the processes of a job, or the runner's name. Empty where there is none of these.
 */
export function jobExecution(env: Record<string, string | undefined>): string {
  const folder = env['RUNNER_TEMP']
  return (
    (folder ? kept(join(folder, file)) : undefined) ?? env['RUNNER_TRACKING_ID'] ?? env['RUNNER_NAME'] ?? ''
  )
}

function kept(path: string): string | undefined {
  try {
    // Two steps do not run at once; a background process of an earlier one may.
    writeFileSync(path, randomBytes(16).toString('hex'), { flag: 'wx', mode: 0o600 })
  } catch {
    // It is there, or cannot be: what can be read says which.
  }
  try {
    const text = readFileSync(path, 'utf8')
    return /^[0-9a-f]{32}$/.test(text) ? text : undefined
  } catch {
    return undefined
  }
}
