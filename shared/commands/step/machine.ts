import { hostname } from 'node:os'
import { isExpected } from '../../outcome/errors.ts'
import { longestTimer, systemClock } from '../../host/clock.ts'
import { systemExec } from '../../host/exec.ts'
import { jobExecution } from '../../host/job-execution.ts'
import type { Log } from '../../host/log.ts'
import { hasEnded, identifyProcess, userName } from '../../host/process-identity.ts'
import { readRun, type RunInfo } from '../../host/run.ts'
import type { Secrets } from '../../host/secrets/secrets.ts'
import { readEnvFile, secretsOf } from '../../config/env-file/env-file.ts'
import type { Environment } from '../../config/environment.ts'
import { overdue } from './in-time.ts'
import type { TargetPorts } from './ports.ts'
import type { Target } from '../../targets/target.ts'

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
  /** See `watchStrays`; without it, Node ends the process. */
  stray?: AbortSignal
}

/** Puts the machine's real parts together for one step. */
export function createPorts(machine: Machine, environment: Environment, kubeconfig: string): RunnerPorts {
  const { secrets, env, pid } = machine
  const { slack, github } = environment.notify
  for (const name of [slack, github, 'GRAFANA_TOKEN']) secrets.add(env[name] ?? '')
  for (const value of fileSecrets(environment)) secrets.add(value)
  const run = readRun(env, {
    ...{ pid, host: hostname(), startedAt: systemClock.now() },
    user: userName(),
    execution: env['GITHUB_ACTIONS'] === 'true' ? jobExecution(env) : '',
    identity: identifyProcess(pid),
  })
  return portsOf(run, machine, environment, kubeconfig)
}

/**
 * The secrets that the service gets, known before it answers: it may send them back to a step that does not read the file
 * itself. A file that cannot be read is the error of the step that needs it.
 */
function fileSecrets({ root, envFile, backup }: Environment): string[] {
  return [envFile, backup?.envFile ?? ''].flatMap(file => {
    try {
      return file === '' ? [] : secretsOf(readEnvFile(root, file))
    } catch (error) {
      if (isExpected(error)) return []
      throw error
    }
  })
}

function portsOf(run: RunInfo, machine: Machine, environment: Environment, kubeconfig: string): RunnerPorts {
  const { log, secrets, env, signal, stray = new AbortController().signal } = machine
  const shared = { clock: systemClock, exec: systemExec, log, secrets, env, signal }
  const closed = new AbortController()
  const others: RunnerPorts[] = []
  let target: Promise<Target> | undefined
  const open = async () => {
    const { openTarget } = await import('../../targets/open.ts')
    return openTarget(environment, {
      ...shared,
      kubeconfig,
      tokenHosts: environment.image?.tokenHosts ?? [],
      hasEnded,
      signal: AbortSignal.any([signal, closed.signal]),
    })
  }
  return {
    ...shared,
    async openTunnel(place) {
      const { openTunnel } = await import('../../targets/open-tunnel.ts')
      return openTunnel(environment, place, { ...shared, kubeconfig, hasEnded })
    },
    run,
    openTarget: () => (target ??= open()),
    stray,
    under(other) {
      const ports = portsOf(run, { ...machine, signal: other }, environment, kubeconfig)
      others.push(ports)
      return ports
    },
    async close() {
      // A request whose answer is not awaited any more would keep this process.
      closed.abort(new Error('the step has ended'))
      for (const each of others) await each.close()
      const opened = await target?.catch(() => undefined)
      await opened?.close()
    },
  }
}

/**
 * Aborted by SIGINT and SIGTERM, which a cancelled job sends, by SIGHUP, which a terminal sends that is closed, and when
 * `timeoutMs` (0: never) is over. A second SIGINT or SIGTERM ends the process; a shell that goes sends SIGHUP twice.
 */
export function createSignal(process: NodeJS.Process, timeoutMs: number): AbortSignal {
  const controller = new AbortController()
  const cancel = (name: string) => controller.abort(new Error(`cancelled by ${name}`))
  process.once('SIGINT', cancel).once('SIGTERM', cancel).on('SIGHUP', cancel)
  if (timeoutMs > 0) {
    setTimeout(() => controller.abort(overdue(timeoutMs)), Math.min(timeoutMs, longestTimer)).unref()
  }
  return controller.signal
}
