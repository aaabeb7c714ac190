import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** A program that goes on when `up` has ended. */
export interface Daemon {
  /** `part/program`, for instance `kubernetes/etcd`. */
  name: string
  file: string
  args: string[]
  env?: Record<string, string>
  cwd?: string
  /** How it is asked to end; 10 seconds later it is killed. */
  stop?: NodeJS.Signals
}

interface Identity {
  pid: number
  /** Clock ticks from boot to the start of the process: with `boot` it tells a process from a later one of its number. */
  startTime: string
  boot: string
}
interface Note extends Identity {
  stop: NodeJS.Signals
  startedAt: number
}

const bootId = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

/** The process's own start time, or undefined when there is none, or only a zombie of it. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

/** Who a running process is, for a later question whether it still runs. */
export function identify(pid: number): Identity {
  return { pid, startTime: startTimeOf(pid) ?? 'gone', boot: bootId() }
}

/** Whether exactly this process still runs. */
export function isAlive({ pid, startTime, boot }: Identity): boolean {
  return boot === bootId() && startTimeOf(pid) === startTime
}

/** Where programs are looked for: PATH, and the folders of administrators, which a user's PATH may lack. */
export function searchPath(): string[] {
  return [...(process.env['PATH'] ?? '').split(':').filter(Boolean), '/usr/sbin', '/sbin', '/usr/bin', '/bin']
}

/** Starts daemons, and finds and ends them again by the notes it keeps: process number, start time and boot. */
export class Daemons {
  readonly #notes: string
  readonly #logs: string
  readonly #started = new Set<string>()

  constructor(state: string) {
    this.#notes = join(state, 'pids')
    this.#logs = join(state, 'logs')
  }

  #noteFile(name: string): string {
    return join(this.#notes, `${name.replace('/', '.')}.json`)
  }

  #note(name: string): Note | undefined {
    try {
      return JSON.parse(readFileSync(this.#noteFile(name), 'utf8')) as Note
    } catch {
      return undefined
    }
  }

  /** Every daemon with a note, the youngest first. */
  names(): string[] {
    let files: string[] = []
    try {
      files = readdirSync(this.#notes)
    } catch {
      return []
    }
    const names = files
      .filter(file => file.endsWith('.json'))
      .map(file => file.slice(0, -5).replace('.', '/'))
    return names.sort((a, b) => (this.#note(b)?.startedAt ?? 0) - (this.#note(a)?.startedAt ?? 0))
  }

  runs(name: string): boolean {
    const note = this.#note(name)
    return note !== undefined && isAlive(note)
  }

  /** Whether a daemon of this part was started by this object. */
  hasStarted(part: string): boolean {
    return [...this.#started].some(name => name.startsWith(`${part}/`))
  }

  log(name: string): string {
    return join(this.#logs, `${name.replace('/', '.')}.log`)
  }

  /** Starts it, unless it runs. It gets a session of its own, so that Ctrl-C at the terminal does not reach it. */
  start(daemon: Daemon): void {
    if (this.runs(daemon.name)) return
    const log = this.log(daemon.name)
    mkdirSync(dirname(log), { recursive: true })
    mkdirSync(this.#notes, { recursive: true })
    const output = openSync(log, 'w')
    const child = spawn(daemon.file, daemon.args, {
      detached: true,
      stdio: ['ignore', output, output],
      cwd: daemon.cwd ?? '/',
      env: {
        PATH: searchPath().join(':'),
        HOME: process.env['HOME'],
        LANG: 'C.UTF-8',
        ...daemon.env,
      },
    })
    closeSync(output)
    child.on('error', error => writeFileSync(log, `${daemon.file}: ${error.message}\n`))
    child.unref()
    if (child.pid === undefined) return
    this.#started.add(daemon.name)
    const note: Note = {
      ...identify(child.pid),
      stop: daemon.stop ?? 'SIGTERM',
      startedAt: performance.timeOrigin + performance.now(),
    }
    writeFileSync(this.#noteFile(daemon.name), JSON.stringify(note))
  }

  /** Ends it and forgets it. Nothing happens to a process that merely has the same number. */
  async stop(name: string): Promise<void> {
    const note = this.#note(name)
    const deadline = Date.now() + 10_000
    for (
      let signal: NodeJS.Signals | undefined = note?.stop;
      note !== undefined && isAlive(note);
      signal = undefined
    ) {
      if (signal !== undefined) process.kill(note.pid, signal)
      else if (Date.now() > deadline) process.kill(note.pid, 'SIGKILL')
      await pause(20)
    }
    rmSync(this.#noteFile(name), { force: true })
    this.#started.delete(name)
  }

  /** The last lines that it wrote. */
  tail(name: string, lines = 15): string {
    try {
      return readFileSync(this.log(name), 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
    } catch {
      return '(no log)'
    }
  }
}
