import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { createTail } from '../outcome/cut.ts'
import { DeadlineError, messageOf, ToolError } from '../outcome/errors.ts'
import { childEnvironment, type Variables } from './child-environment.ts'

/** How a program is started. There is never a shell in between. */
export interface ExecOptions {
  /** This process's variables: the program is given those that `childEnvironment` lists for it. */
  env: Variables
  /** Variables that it is given beside those. Secrets travel here, never in `args`. */
  variables?: Variables
  cwd?: string
  /** Written to standard input, which is then closed. */
  stdin?: string
  signal?: AbortSignal
  /** Milliseconds; the program is killed and a DeadlineError thrown when they are over. */
  timeoutMs?: number
  /** Characters of each stream that `run` keeps, the newest ones, after a mark when there were more; default: 4 Mi. */
  keep?: number
}

export interface ExecResult {
  code: number
  stdout: string
  stderr: string
}

/** Runs programs. */
export interface Exec {
  /** Runs to the end and returns what it wrote, whatever the exit code. Throws a ToolError when it cannot be started. */
  run(file: string, args: string[], options: ExecOptions): Promise<ExecResult>
  /** Starts with piped streams; the caller watches the exit code. */
  start(file: string, args: string[], options: ExecOptions): ChildProcessByStdio<Writable, Readable, Readable>
}

const usualKeep = 4 * 1024 * 1024
/** How long a program that was told to end may take to do so. */
const graceMs = 2_000

/** Programs of this machine. */
export const systemExec: Exec = {
  start: (file, args, { env, variables, cwd, signal }) =>
    spawn(file, args, {
      env: childEnvironment(file, env, variables),
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
      ...(signal === undefined ? {} : { signal }),
    }),

  async run(file, args, options) {
    const { keep = usualKeep } = options
    const deadline = options.timeoutMs === undefined ? undefined : AbortSignal.timeout(options.timeoutMs)
    const signals = [options.signal, deadline].filter(signal => signal !== undefined)
    const child = systemExec.start(file, args, {
      ...options,
      ...(signals.length > 0 ? { signal: AbortSignal.any(signals) } : {}),
    })
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.stdin ?? '')
    const [stdout, stderr] = [capture(child.stdout, keep), capture(child.stderr, keep)]
    try {
      const code = await new Promise<number>((resolve, reject) => {
        child.on('error', reject)
        child.on('close', (exit, signal) => resolve(exit ?? (signal ? 128 : 1)))
      })
      return { code, stdout: stdout(), stderr: stderr() }
    } catch (error) {
      endForGood(child)
      if (deadline?.aborted) {
        throw new DeadlineError(`${file} did not end within ${String(options.timeoutMs)} ms`, {
          hint: 'Look at what it waits for, or give it more time.',
          cause: error,
        })
      }
      options.signal?.throwIfAborted()
      throw new ToolError(`${file} could not be started: ${messageOf(error)}`, {
        tool: file,
        hint: `Install ${file}, or put it on PATH.`,
        cause: error,
      })
    }
  },
}

/** Neither a program that heeds no SIGTERM nor what it has started may keep this process from ending. */
function endForGood(child: ChildProcessByStdio<Writable, Readable, Readable>): void {
  const letGo = () => {
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
  }
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
    letGo()
    return
  }
  const kill = setTimeout(() => child.kill('SIGKILL'), graceMs)
  child.once('exit', () => {
    clearTimeout(kill)
    letGo()
  })
}

function capture(stream: Readable, keep: number): () => string {
  const tail = createTail(keep)
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => tail.add(chunk))
  return () => tail.text()
}
