import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const tree = join(import.meta.dirname, '../../../build/tree')

/** A published bundle, as a runner starts it. */
export interface BundleCall {
  action: string
  file?: 'index.js' | 'post.js'
  /** Absolute path of the checkout. */
  folder: string
  /** Names as in `with:`. */
  inputs: Record<string, string>
  /** GITHUB_RUN_ID. */
  run: string
  /** GITHUB_RUN_ATTEMPT. */
  attempt: number
  /** GITHUB_JOB. */
  job: string
  /** What the step before saved for the post step. */
  state?: string
  /** The same of a step that may be interrupted. */
  interrupted?: string
  env?: Record<string, string>
}

export interface BundleEnd {
  code: number | null
  signal: NodeJS.Signals | null
  log: string
  /** `reason-code`, `status`, ... */
  outputs: Record<string, string>
  /** `outputs` as saved for the post step; empty when it did not come so far. */
  state: string
  /** `interrupted` as it was saved last; empty when it never was, or was withdrawn. */
  interrupted: string
}

export interface Bundle {
  /** To the whole process group. */
  signal(name: NodeJS.Signals): void
  ended: Promise<BundleEnd>
}

/** Starts a bundle in a process group of its own. */
export function startBundle(call: BundleCall): Bundle {
  const files = mkdtempSync(join(tmpdir(), 'kill-run-'))
  const [output, saved, summary] = ['output', 'state', 'summary'].map(name => join(files, name))
  for (const file of [output, saved, summary]) writeFileSync(file ?? '', '')
  const inputs = Object.entries({ environment: 'main', config: 'runbook.yml', ...call.inputs })
  const child = spawn(process.execPath, [join(tree, call.action, 'dist', call.file ?? 'index.js')], {
    cwd: call.folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: call.folder,
      GITHUB_ACTIONS: 'true',
      GITHUB_WORKSPACE: call.folder,
      GITHUB_REPOSITORY: 'org/doomed',
      GITHUB_RUN_ID: call.run,
      GITHUB_RUN_ATTEMPT: String(call.attempt),
      GITHUB_JOB: call.job,
      GITHUB_ACTOR: 'ada',
      GITHUB_OUTPUT: output,
      GITHUB_STATE: saved,
      GITHUB_STEP_SUMMARY: summary,
      ...(call.state === undefined ? {} : { STATE_outputs: call.state }),
      ...(call.interrupted === undefined ? {} : { STATE_interrupted: call.interrupted }),
      ...Object.fromEntries(inputs.map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
      ...call.env,
    },
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log += text))
  const ended = new Promise<BundleEnd>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const outputs = commandsOf(readFileSync(output ?? '', 'utf8'))
      const { outputs: state = '', interrupted = '' } = commandsOf(readFileSync(saved ?? '', 'utf8'))
      rmSync(files, { recursive: true })
      resolve({ code, signal, log, outputs, state, interrupted })
    })
  })
  return {
    signal(name) {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name)
      } catch (error) {
        // It has ended by itself meanwhile.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    },
    ended,
  }
}

export async function runBundle(call: BundleCall): Promise<BundleEnd> {
  return startBundle(call).ended
}

/** Values as they are in GITHUB_OUTPUT and GITHUB_STATE: `name<<mark`, lines, `mark`. */
function commandsOf(text: string): Record<string, string> {
  const found = text.matchAll(/^(.+?)<<(.+)\n([\s\S]*?)\n?\2$/gm)
  return Object.fromEntries([...found].map(([, name = '', , value = '']) => [name, value]))
}
