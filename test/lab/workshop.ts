import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { searchPath, type Daemons } from './process.ts'
import { LabError } from './lab-error.ts'
import type { Places } from './places.ts'
import type { Programs } from './programs.ts'

export interface RunOptions {
  env?: Record<string, string>
  cwd?: string
  stdin?: string
  /** Exit codes, beside 0, that are no error. */
  tolerate?: number[]
}

/** What every part works with. */
export interface Workshop {
  places: Places
  daemons: Daemons
  programs: Programs
  /** A progress line. */
  say: (part: string, text: string) => void
  /** Runs a program to its end and gives its standard output; a LabError carries the tail of what it wrote. */
  run: (file: string, args: string[], options?: RunOptions) => Promise<string>
  /** Waits until `ready` says true. Ends with the log of `daemon` when that has died, or after `seconds`. */
  until: (
    what: string,
    daemon: string | undefined,
    seconds: number,
    ready: () => Promise<boolean>,
  ) => Promise<void>
  /** Aborted by Ctrl-C and by the failure of another part. */
  signal: AbortSignal
}

/** Runs a program; no shell, output captured. */
export function runner(signal: AbortSignal): Workshop['run'] {
  return (file, args, { env, cwd, stdin, tolerate = [] } = {}) =>
    new Promise((resolve, reject) => {
      const child = execFile(
        file,
        args,
        {
          signal,
          cwd,
          maxBuffer: 64 * 1024 * 1024,
          env: { ...process.env, PATH: searchPath().join(':'), LANG: 'C.UTF-8', ...env },
        },
        (error, stdout, stderr) => {
          if (error === null || tolerate.includes(Number(error.code))) {
            resolve(stdout)
            return
          }
          const tail = `${stdout}\n${stderr}`.trim().split('\n').slice(-12).join('\n')
          const missing = error.code === 'ENOENT'
          const why = missing ? 'is not installed' : `ended with ${error.code ?? error.signal ?? 'an error'}`
          reject(new LabError(`${file} ${args.slice(0, 3).join(' ')} ${why}`, tail, { cause: error }))
        },
      )
      child.stdin?.on('error', () => undefined)
      child.stdin?.end(stdin ?? '')
    })
}

/** Waits for conditions, watching the daemon that has to bring them about. */
export function waiter(daemons: Daemons, signal: AbortSignal): Workshop['until'] {
  return async (what, daemon, seconds, ready) => {
    const deadline = Date.now() + seconds * 1000
    for (;;) {
      if (await ready()) return
      signal.throwIfAborted()
      const log = daemon === undefined ? '' : `\n${daemons.tail(daemon)}\n(all of it: ${daemons.log(daemon)})`
      if (daemon !== undefined && !daemons.runs(daemon))
        throw new LabError(`${daemon} ended while starting`, log)
      if (Date.now() > deadline) throw new LabError(`waited ${seconds} s for ${what}`, log)
      await pause(50, undefined, { signal })
    }
  }
}

/** Whether something accepts connections there. */
export function listens(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host, timeout: 1000 })
    const end = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false))
  })
}

/** Refuses a port that something else holds, before a daemon fails on it in its own words. */
export async function mustBeFree({ daemons }: Workshop, daemon: string, port: number): Promise<void> {
  if (daemons.runs(daemon) || !(await listens(port))) return
  throw new LabError(
    `port ${port}, which ${daemon} needs, is held by another program`,
    `see which with: ss -ltnp 'sport = :${port}'; stop it, then run script/lab up again`,
  )
}
