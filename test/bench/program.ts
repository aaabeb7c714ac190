import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** What a program did, on the clock of `performance.now()`. */
export interface Ran {
  /** Exit code; 128 and more when a signal ended it. */
  code: number
  startedAt: number
  endedAt: number
  /** What it wrote, each line with the moment of its arrival. */
  lines: { at: number; text: string }[]
  /** The most memory that it held at once, MiB, from VmHWM; 0 when it was gone before it could be asked. */
  peakMiB: number
  /** Processor time, its own and the kernel's for it; what it used in its last moments is missed. */
  cpuSeconds: number
}

export interface RunOptions {
  cwd?: string
  env?: Record<string, string | undefined>
  stdin?: string
  /** When it is killed; not at all by default. */
  timeoutMs?: number
}

/** How often a program's usage is asked for; the kernel keeps peak and sum, so only what its last moments add is missed. */
const usageEveryMs = 100

/** Runs a program to its end, whatever that is. Output is kept with its times. */
export function runProgram(
  file: string,
  args: string[],
  { cwd, env, stdin, timeoutMs }: RunOptions = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now()
    const child = spawn(file, args, {
      cwd,
      env: env ?? process.env,
      stdio: 'pipe',
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    const lines: Ran['lines'] = []
    let used = { peakMiB: 0, cpuSeconds: 0 }
    const timer = setInterval(() => (used = usageOf(child.pid) ?? used), usageEveryMs)
    for (const stream of [child.stdout, child.stderr]) {
      let rest = ''
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        const at = performance.now()
        const whole = (rest + chunk).split('\n')
        rest = whole.pop() ?? ''
        lines.push(...whole.map(text => ({ at, text })))
      })
      stream.on('end', () => rest && lines.push({ at: performance.now(), text: rest }))
    }
    child.stdin.on('error', () => undefined)
    child.stdin.end(stdin ?? '')
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearInterval(timer)
      const endedAt = performance.now()
      resolve({ code: signal === null ? (code ?? 0) : 128, startedAt, endedAt, lines, ...used })
    })
  })
}

/** Runs a program that must succeed. */
export async function mustRun(file: string, args: string[], options?: RunOptions): Promise<Ran> {
  const ran = await runProgram(file, args, options)
  if (ran.code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${ran.code}:\n${textOf(ran)}`)
  return ran
}

/** The last of what a program wrote. */
export function textOf({ lines }: Ran, most = 25): string {
  return lines
    .slice(-most)
    .map(({ text }) => text)
    .join('\n')
}

/** Ticks of a second in which Linux tells processor time. */
const ticks = 100

function usageOf(pid: number | undefined): Pick<Ran, 'peakMiB' | 'cpuSeconds'> | undefined {
  if (pid === undefined) return undefined
  try {
    const kib = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    // The name, in brackets, may hold anything; utime and stime are the 12th and 13th field after it (proc(5)).
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\)\s+/s, '')
      .split(' ')
    if (kib === undefined) return undefined
    return {
      peakMiB: Math.round(Number(kib) / 1024),
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticks,
    }
  } catch {
    return undefined
  }
}
