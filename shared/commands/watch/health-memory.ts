import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createAside } from '../../host/aside.ts'
import { earlierEnd } from '../../integrations/github/github-runs.ts'
import { readGitHubPlace } from '../../integrations/github/github-rest.ts'
import type { Log } from '../../host/log.ts'
import { logFolder } from '../../report/files.ts'
import type { Ports } from '../step/ports.ts'

/** What a look at a service came to. `unknown`: it could not be measured. */
export type Health = 'healthy' | 'unhealthy' | 'unknown'

/** What the look before came to, so that only a change is news. */
export interface HealthMemory {
  /** `ill` is anything but healthy, where no more is remembered; undefined is the first look. */
  recall(): Promise<Health | 'ill' | undefined>
  keep(health: Health): Promise<void>
}

/** Remembers in a file beside the logs: for a terminal, and for cron, which starts anew every time. */
export function rememberInFile(root: string, environment: string, log: Pick<Log, 'warn'>): HealthMemory {
  const aside = createAside(log)
  const file = join(root, logFolder, `health_${environment}.json`)
  return {
    recall() {
      try {
        const { health } = JSON.parse(readFileSync(file, 'utf8')) as { health: Health }
        return Promise.resolve(health)
      } catch {
        return Promise.resolve(undefined)
      }
    },
    keep: health =>
      aside('What the next look is to know', () => {
        mkdirSync(join(root, logFolder), { recursive: true })
        writeFileSync(file, `${JSON.stringify({ health })}\n`, { mode: 0o600 })
      }),
  }
}

/** GitHub's answers are waited for no longer, milliseconds. */
const questionMs = 10_000

/**
 * Remembers by how the job of that name ended in the run before: for a workflow that a schedule starts again and again.
 * Without a token there is no memory, and every look is the first.
 */
export function rememberByRuns(token: string, job: string, { env, clock, signal }: Ports): HealthMemory {
  const place = readGitHubPlace(env)
  const run = env['GITHUB_RUN_ID'] ?? ''
  return {
    async recall() {
      if (token === '' || !place || run === '') return undefined
      const end = await earlierEnd({ ...place, token, clock, timeoutMs: questionMs, signal }, run, job)
      return end && (end === 'success' ? 'healthy' : 'ill')
    },
    // The job's own end is what the next run recalls.
    keep: () => Promise.resolve(),
  }
}
