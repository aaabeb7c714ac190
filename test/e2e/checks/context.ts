import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Check, CheckContext, Finding } from '../../../shared/checks/check.ts'
import { environmentAt, realPorts } from '../gate/ports.ts'

/** Asks one check about a service whose env-file has these values. */
export function ask(
  check: Check,
  config: Record<string, string>,
  said: Partial<CheckContext> = {},
): Promise<Finding> {
  return check.run({ ...contextWith(config), ...said })
}

/** The machine as it is, and no target. */
export function contextWith(config: Record<string, string>): CheckContext {
  const ports = realPorts()
  return {
    environment: environmentAt('', { envFile: '.env' }),
    run: ports.run,
    version: '',
    githubToken: '',
    image: '',
    skipped: [],
    accepted: [],
    conflicts: 'stop',
    backsUpNext: false,
    secrets: ports.secrets,
    clock: ports.clock,
    exec: ports.exec,
    env: ports.env,
    signal: ports.signal,
    timeLeftMs: () => 60_000,
    config: () => config,
    target: () => ports.openTarget(),
    openTunnel: place => ports.openTunnel(place),
    payload: () => Promise.resolve(undefined),
    planVerification: () => Promise.resolve(''),
  }
}

/** A folder for one test file. */
export function makeFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'e2e-checks-'))
  return { path, remove: () => rmSync(path, { recursive: true }) }
}
