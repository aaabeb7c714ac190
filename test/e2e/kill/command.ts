import { spawn } from 'node:child_process'
import { join } from 'node:path'

const program = join(import.meta.dirname, '../../../cli/run.ts')

export interface CommandEnd {
  code: number | null
  log: string
}

/** A `runbook` command that runs in a process group of its own, as a person's shell starts it. */
export interface RunningCommand {
  ended: Promise<CommandEnd>
  /** SIGKILL to all of it. */
  kill(): void
}

export interface CommandCall {
  words: string[]
  /** Absolute path of the checkout. */
  folder: string
  env: Record<string, string | undefined>
}

/** Starts `runbook WORDS`. */
export function startCommand(call: CommandCall): RunningCommand {
  return start(process.execPath, [program, ...call.words], call)
}

/** The same where process numbers mean other processes, as in a container or on another machine. Needs root. */
export function startElsewhere(call: CommandCall): RunningCommand {
  const inside = ['--pid', '--fork', '--mount-proc', process.execPath, program, ...call.words]
  return start('unshare', inside, call)
}

function start(file: string, args: string[], { folder, env }: CommandCall): RunningCommand {
  const child = spawn(file, args, {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: folder, USER: 'ada', ...env },
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log += text))
  return {
    ended: new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', code => resolve({ code, log }))
    }),
    kill() {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    },
  }
}
