import { hostname } from 'node:os'
import { DeadlineError } from '../outcome/errors.ts'
import { systemClock } from '../platform/clock.ts'
import { systemExec } from '../platform/exec.ts'
import type { Log } from '../platform/log.ts'
import { readRun } from '../platform/run.ts'
import type { Secrets } from '../platform/secrets.ts'
import type { Environment } from '../runbook/environment.ts'
import { showDuration } from '../runbook/values.ts'
import type { TargetPorts } from './ports.ts'
import type { Target } from '../targets/target.ts'

/** The ports of a step, and what has to be closed after it. */
export interface RunnerPorts extends TargetPorts {
  close(): Promise<void>
}

export interface Machine {
  log: Log
  secrets: Secrets
  env: Record<string, string | undefined>
  /** The process's own number. */
  pid: number
  signal: AbortSignal
}

/** Puts the machine's real parts together for one step. */
export function createPorts(machine: Machine, environment: Environment, kubeconfig: string): RunnerPorts {
  const { log, secrets, env, pid, signal } = machine
  const { slack, github } = environment.notify
  for (const name of [slack, github, 'GRAFANA_TOKEN']) secrets.add(env[name] ?? '')
  const shared = { clock: systemClock, exec: systemExec, log, secrets, env, signal }
  const closed = new AbortController()
  let target: Promise<Target> | undefined
  const open = async () => {
    const { openTarget } = await import('../targets/open.ts')
    return openTarget(environment, {
      ...shared,
      kubeconfig,
      signal: AbortSignal.any([signal, closed.signal]),
    })
  }
  return {
    ...shared,
    async openTunnel(place) {
      const { openTunnel } = await import('../targets/open-tunnel.ts')
      return openTunnel(environment, place, { ...shared, kubeconfig })
    },
    run: readRun(env, { pid, host: hostname(), startedAt: systemClock.now() }),
    openTarget: () => (target ??= open()),
    async close() {
      // A question that nobody waits for any more would keep this process.
      closed.abort(new Error('the step has ended'))
      const opened = await target?.catch(() => undefined)
      await opened?.close()
    },
  }
}

/** Aborted by SIGINT and SIGTERM, which a cancelled job sends, and when `timeoutMs` (0: never) is over. */
export function createSignal(process: NodeJS.Process, timeoutMs: number): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`cancelled by ${name}`)))
  }
  if (timeoutMs > 0) {
    const late = new DeadlineError(`The step did not end within ${showDuration(timeoutMs)}.`, {
      hint: 'See in the timings what took so long, or raise timeout.',
    })
    setTimeout(() => controller.abort(late), timeoutMs).unref()
  }
  return controller.signal
}
