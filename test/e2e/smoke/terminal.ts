import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Outcome } from '../../../shared/outcome/outcome.ts'

const cli = join(import.meta.dirname, '../../../cli/run.ts')

export interface Ran {
  code: number
  outcome: Outcome
  /** What people read. */
  said: string
  /** The most memory that it held at once, MiB, as the kernel counts it. */
  peakMiB: number
  ms: number
}

/** Runs `runbook smoke-test staging` in a process of its own, in a folder that gets a runbook and this suite. */
export async function smokeTest(
  folder: string,
  url: string,
  suite: string,
  options: string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  const target = '{ kind: process, app: none, directory: releases, start: none.js }'
  writeFileSync(
    join(folder, 'runbook.yml'),
    `service: ill\nenvironments:\n  staging:\n    target: ${target}\n    url: ${url}\n`,
  )
  writeFileSync(join(folder, 'suite.yml'), suite)
  const from = performance.now()
  const words = [
    'smoke-test',
    'staging',
    '--config',
    'runbook.yml',
    '--suite',
    'suite.yml',
    '--json',
    ...options,
  ]
  const child = spawn('node', [cli, ...words], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, ...env },
  })
  let [written, said, peakMiB] = ['', '', 0]
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const timer = setInterval(() => (peakMiB = peakOf(child.pid) ?? peakMiB), 20)
  const [code] = (await once(child, 'close')) as [number]
  clearInterval(timer)
  if (written === '') throw new Error(`no outcome:\n${said}`)
  return { code, outcome: JSON.parse(written) as Outcome, said, peakMiB, ms: performance.now() - from }
}

function peakOf(pid: number | undefined): number | undefined {
  try {
    const kib = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid ?? 0}/status`, 'utf8'))?.[1]
    return kib === undefined ? undefined : Math.round(Number(kib) / 1_024)
  } catch {
    return undefined
  }
}
